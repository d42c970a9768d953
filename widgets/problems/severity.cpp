#include "widgets/problems/severity.h"

#include <QCoreApplication>

#include "widgets/style/theme.h"

namespace nw::widgets {

QColor severityColor(const Theme& theme, graph::Severity severity) {
  switch (severity) {
    case graph::Severity::Error:
      return theme.error;
    case graph::Severity::Warning:
      return theme.warning;
    case graph::Severity::Info:
      break;
  }
  return theme.link;
}

QString severityIcon(graph::Severity severity) {
  switch (severity) {
    case graph::Severity::Error:
      return QStringLiteral("error");
    case graph::Severity::Warning:
      return QStringLiteral("warning");
    case graph::Severity::Info:
      break;
  }
  return QStringLiteral("info");
}

QString severityName(graph::Severity severity) {
  switch (severity) {
    case graph::Severity::Error:
      return QCoreApplication::translate("severity", "Error");
    case graph::Severity::Warning:
      return QCoreApplication::translate("severity", "Warning");
    case graph::Severity::Info:
      break;
  }
  return QCoreApplication::translate("severity", "Hint");
}

}  // namespace nw::widgets
