#include "widgets/canvas/detail.h"

#include "widgets/style/theme.h"

namespace nw::widgets {

QColor severityColor(const Theme& theme, graph::Severity severity) {
  switch (severity) {
    case graph::Severity::Info:
      return theme.link;
    case graph::Severity::Warning:
      return theme.warning;
    case graph::Severity::Error:
      break;
  }
  return theme.error;
}

QColor readable(const QColor& color, const QColor& ground) {
  const QColor pole =
      contrast(ground, Qt::white) > contrast(ground, Qt::black) ? Qt::white : Qt::black;
  for (int step = 0; step < 10; ++step) {
    const QColor candidate = mix(color, pole, step * 0.1);
    if (contrast(candidate, ground) >= 3) return candidate;
  }
  return pole;
}

}  // namespace nw::widgets
