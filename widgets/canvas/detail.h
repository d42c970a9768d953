#pragma once

namespace nw::widgets {

// Scales below which parts of the drawing vanish: text first, then pills, then ports.
inline constexpr double kTextDetail = 0.5;
inline constexpr double kPillDetail = 0.35;
inline constexpr double kPortDetail = 0.2;

}  // namespace nw::widgets
