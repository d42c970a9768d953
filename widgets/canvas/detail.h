#pragma once

#include <QColor>

#include "core/graph/problem.h"

namespace nw::widgets {

struct Theme;

// Scales below which parts of the drawing vanish: text first, then pills, then ports.
inline constexpr double kTextDetail = 0.5;
inline constexpr double kPillDetail = 0.35;
inline constexpr double kPortDetail = 0.2;

QColor severityColor(const Theme& theme, graph::Severity severity);

/// `color`, moved towards black or white until it stands out 3 : 1 from `ground` (WCAG 2.1 for
/// graphics).
QColor readable(const QColor& color, const QColor& ground);

}  // namespace nw::widgets
