#pragma once

#include <QString>

namespace nw::widgets {

struct Theme;

/// The program's style sheet: what the Fusion style draws heavier than we want, in the theme's
/// colours and measures.
QString styleSheet(const Theme& theme);

}  // namespace nw::widgets
