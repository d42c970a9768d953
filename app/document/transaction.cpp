#include "app/document/transaction.h"

#include <algorithm>

namespace nw::app {
namespace {

template <typename T, typename Matches>
std::optional<size_t> indexWhere(const std::vector<T>& items, const Matches& matches) {
  const auto found = std::find_if(items.begin(), items.end(), matches);
  if (found == items.end()) return std::nullopt;
  return static_cast<size_t>(found - items.begin());
}

bool hasPort(const std::vector<nn::Port>& ports, std::string_view name) {
  return std::any_of(ports.begin(), ports.end(),
                     [&](const nn::Port& port) { return port.name == name; });
}

}  // namespace

void Transaction::perform(Edit edit) {
  if (changesNothing(edit)) return;
  app::apply(edit, project_);
  edits_.push_back(std::move(edit));
}

graph::NodeId Transaction::addNode(const nn::Block& block, Position position) {
  graph::Node node;
  node.block = block.id;
  node.block_version = block.version;
  node.args = block.initial;
  node.x = position.x;
  node.y = position.y;
  return addCopy(std::move(node));
}

graph::NodeId Transaction::addCopy(graph::Node node) {
  node.id = graph().next_id();
  const graph::NodeId id = node.id;
  perform(NodeEdit{Presence::Added, graph().nodes.size(), std::move(node)});
  return id;
}

void Transaction::removeNode(graph::NodeId id) {
  for (size_t i = graph().wires.size(); i-- > 0;) {
    const graph::Wire wire = graph().wires[i];
    if (wire.from.node == id || wire.to.node == id) {
      perform(WireEdit{Presence::Removed, i, wire});
    }
  }
  const auto index =
      indexWhere(graph().nodes, [&](const graph::Node& node) { return node.id == id; });
  if (index) perform(NodeEdit{Presence::Removed, *index, graph().nodes[*index]});
}

void Transaction::addWire(graph::Wire wire) {
  if (const graph::Wire* old = graph().wire_into(wire.to.node, wire.to.port)) removeWire(*old);
  perform(WireEdit{Presence::Added, graph().wires.size(), std::move(wire)});
}

void Transaction::removeWire(const graph::Wire& wire) {
  const graph::Wire copy = wire;
  const auto index = indexWhere(graph().wires, [&](const graph::Wire& w) { return w == copy; });
  if (index) perform(WireEdit{Presence::Removed, *index, copy});
}

void Transaction::moveNode(graph::NodeId id, Position position) {
  if (const graph::Node* node = graph().find(id)) {
    perform(MoveEdit{id, {node->x, node->y}, position});
  }
}

void Transaction::rename(graph::NodeId id, std::string name) {
  if (const graph::Node* node = graph().find(id)) {
    perform(NameEdit{id, node->name, std::move(name)});
  }
}

void Transaction::setArg(graph::NodeId id, std::string_view param, const nn::Value& value) {
  const graph::Node* node = graph().find(id);
  const nn::Block* block = node ? nn::blocks().find(node->block) : nullptr;
  const nn::Param* described = block ? block->find(param) : nullptr;
  if (!described) return;
  ArgEdit edit{id, described->name, std::nullopt, std::nullopt};
  if (const nn::Value* old = node->args.find(param)) edit.before = *old;
  const nn::Value normal = nn::normalized(*described, value);
  if (normal != nn::normalized(*described, described->fallback)) edit.after = normal;
  perform(std::move(edit));
}

void Transaction::setRun(graph::RunSettings settings, std::string field) {
  perform(RunEdit{std::move(field), project_.run, std::move(settings)});
}

std::string obstacleTo(const graph::Graph& graph, const graph::Wire& wire) {
  const graph::Node* from = graph.find(wire.from.node);
  const graph::Node* to = graph.find(wire.to.node);
  if (!from || !to) return "A wire needs a block at both ends.";
  const nn::Block* source = nn::blocks().find(from->block);
  const nn::Block* sink = nn::blocks().find(to->block);
  if (source && !hasPort(source->outputs, wire.from.port)) {
    return concat(source->id, " has no output “", wire.from.port, "”.");
  }
  if (sink && !hasPort(sink->inputs, wire.to.port)) {
    return concat(sink->id, " has no input “", wire.to.port, "”.");
  }
  if (from == to || graph.would_cycle(from->id, to->id)) {
    return "This wire would close a circle: a network runs from its input to its loss.";
  }
  return {};
}

}  // namespace nw::app
