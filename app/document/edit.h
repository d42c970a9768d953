#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "core/graph/project.h"

namespace nw::app {

/// The smallest reversible changes of a project. Each holds what was and what is to be, never a
/// copy of the document; an undo step is a list of them.

/// One parameter of one node; nothing: not set, so the default or automatic.
struct ArgEdit {
  graph::NodeId node = graph::kNoNode;
  std::string param;
  std::optional<nn::Value> before;
  std::optional<nn::Value> after;
};

struct NameEdit {
  graph::NodeId node = graph::kNoNode;
  std::string before;
  std::string after;
};

struct Position {
  double x = 0;
  double y = 0;
  friend bool operator==(const Position&, const Position&) = default;
};

struct MoveEdit {
  graph::NodeId node = graph::kNoNode;
  Position before;
  Position after;
};

enum class Presence : uint8_t { Added, Removed };

/// A node at an index of Graph::nodes. The index keeps the order of the file through undo.
struct NodeEdit {
  Presence presence = Presence::Added;
  size_t index = 0;
  graph::Node node;
};

struct WireEdit {
  Presence presence = Presence::Added;
  size_t index = 0;
  graph::Wire wire;
};

struct RunEdit {
  std::string field;  // "epochs", "optimizer.lr"
  graph::RunSettings before;
  graph::RunSettings after;
};

using Edit = std::variant<ArgEdit, NameEdit, MoveEdit, NodeEdit, WireEdit, RunEdit>;

/// Does the edit to the project.
void apply(const Edit& edit, graph::Project& project);
/// The edit that takes `edit` back.
Edit inverted(const Edit& edit);
/// Takes `next`, done after `edit`, into `edit` when both change the same value; tells whether it
/// did.
bool merge(Edit& edit, const Edit& next);
/// Whether the edit leaves everything as it was.
bool changesNothing(const Edit& edit);

}  // namespace nw::app
