#pragma once

#include <QString>
#include <string>

#include "core/graph/project.h"

namespace nw::app {

/// Texts of undo steps, from the descriptions.

/// What people call a node: its name, else its block's.
QString nodeTitle(const graph::Node& node);
/// "Set kernel_size of Conv2d to 5".
QString setArgText(const graph::Node& node, const nn::Param& param, const nn::Value& value);
/// "Add Conv2d", "Delete 3 blocks and 1 wire": `verb` and what it is done to.
QString countText(const QString& verb, size_t blocks, size_t wires);

/// The first field in which two settings differ ("epochs", "optimizer", "optimizer.lr") and the
/// text of a step that changes it. Both empty when they are equal.
struct RunDifference {
  std::string field;
  QString text;
};
RunDifference runDifference(const graph::RunSettings& before, const graph::RunSettings& after);

}  // namespace nw::app
