#pragma once

namespace nw::widgets {

// Scales below which parts of the drawing vanish: icons and names in the state_dict first, then
// captions, names, pills, and ports.
inline constexpr double kTextDetail = 0.72;
inline constexpr double kCaptionDetail = 0.56;
inline constexpr double kNameDetail = 0.32;
inline constexpr double kPillDetail = 0.3;
inline constexpr double kPortDetail = 0.2;

// Heights of text in px of the screen. From afar it grows in the drawing to stay as tall as this;
// where there is no room for it, it goes.
inline constexpr double kFarNamePx = 10;
inline constexpr double kFarTextPx = 8.5;
inline constexpr double kLeastTextPx = 7.5;

}  // namespace nw::widgets
