#include "app/document/edit.h"

#include "core/base/error.h"

namespace nw::app {
namespace {

graph::Node& nodeOf(graph::Project& project, graph::NodeId id) {
  graph::Node* node = project.graph.find(id);
  NW_ASSERT(node != nullptr);
  return *node;
}

template <typename T>
void placeOrRemove(std::vector<T>& items, Presence presence, size_t index, const T& item) {
  const auto at = items.begin() + static_cast<std::ptrdiff_t>(index);
  if (presence == Presence::Added) {
    NW_ASSERT(index <= items.size());
    items.insert(at, item);
  } else {
    NW_ASSERT(index < items.size());
    items.erase(at);
  }
}

struct Apply {
  graph::Project& project;

  void operator()(const ArgEdit& edit) const {
    nn::Args& args = nodeOf(project, edit.node).args;
    if (edit.after) {
      args.set(edit.param, *edit.after);
    } else {
      args.erase(edit.param);
    }
  }
  void operator()(const NameEdit& edit) const { nodeOf(project, edit.node).name = edit.after; }
  void operator()(const MoveEdit& edit) const {
    graph::Node& node = nodeOf(project, edit.node);
    node.x = edit.after.x;
    node.y = edit.after.y;
  }
  void operator()(const NodeEdit& edit) const {
    placeOrRemove(project.graph.nodes, edit.presence, edit.index, edit.node);
  }
  void operator()(const WireEdit& edit) const {
    placeOrRemove(project.graph.wires, edit.presence, edit.index, edit.wire);
  }
  void operator()(const RunEdit& edit) const { project.run = edit.after; }
};

struct Invert {
  template <typename T>
  Edit operator()(const T& edit) const {
    T back = edit;
    if constexpr (requires { edit.presence; }) {
      back.presence = edit.presence == Presence::Added ? Presence::Removed : Presence::Added;
    } else {
      back.before = edit.after;
      back.after = edit.before;
    }
    return back;
  }
};

struct Merge {
  const Edit& next;

  bool operator()(ArgEdit& edit) const {
    const auto* other = std::get_if<ArgEdit>(&next);
    if (!other || other->node != edit.node || other->param != edit.param) return false;
    edit.after = other->after;
    return true;
  }
  bool operator()(NameEdit& edit) const { return ofSameNode(edit); }
  bool operator()(MoveEdit& edit) const { return ofSameNode(edit); }
  bool operator()(RunEdit& edit) const {
    const auto* other = std::get_if<RunEdit>(&next);
    if (!other || other->field != edit.field) return false;
    edit.after = other->after;
    return true;
  }
  bool operator()(NodeEdit&) const { return false; }
  bool operator()(WireEdit&) const { return false; }

  template <typename T>
  bool ofSameNode(T& edit) const {
    const T* other = std::get_if<T>(&next);
    if (!other || other->node != edit.node) return false;
    edit.after = other->after;
    return true;
  }
};

}  // namespace

void apply(const Edit& edit, graph::Project& project) {
  std::visit(Apply{project}, edit);
}

Edit inverted(const Edit& edit) {
  return std::visit(Invert{}, edit);
}

bool merge(Edit& edit, const Edit& next) {
  return std::visit(Merge{next}, edit);
}

bool changesNothing(const Edit& edit) {
  return std::visit(
      [](const auto& e) {
        if constexpr (requires { e.before == e.after; }) {
          return e.before == e.after;
        } else {
          return false;
        }
      },
      edit);
}

}  // namespace nw::app
