#pragma once

namespace nw::widgets {

// Scales below which parts of the drawing vanish: captions first, then names (which grow a little
// until then), pills, and ports.
inline constexpr double kTextDetail = 0.5;
inline constexpr double kNameDetail = 0.32;
inline constexpr double kPillDetail = 0.3;
inline constexpr double kPortDetail = 0.2;

}  // namespace nw::widgets
