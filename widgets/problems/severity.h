#pragma once

#include <QColor>
#include <QString>

#include "core/graph/problem.h"

namespace nw::widgets {

struct Theme;

/// How a severity looks and is called, everywhere.
QColor severityColor(const Theme& theme, graph::Severity severity);
QString severityIcon(graph::Severity severity);
QString severityName(graph::Severity severity);

}  // namespace nw::widgets
