#pragma once

#include <QString>
#include <variant>
#include <vector>

#include "core/graph/project.h"

namespace nw::app {

/// A project that comes with the program.
struct Example {
  QString name;  // of the file in resources/examples
  QString title;
  QString summary;
  QString icon;
};

/// In the order of the menu.
const std::vector<Example>& examples();

/// The project of a file or an example, or why it cannot be read: what, where and what to do.
using ProjectOrError = std::variant<graph::Project, QString>;
ProjectOrError readProject(const QString& path);
ProjectOrError readExample(const QString& name);

}  // namespace nw::app
