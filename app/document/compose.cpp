#include "app/document/compose.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace nw::app {
namespace {

// A card is 184 × 48; the pitch leaves room for the wire's pill.
constexpr double kCardWidth = 184;
constexpr double kCardHeight = 48;
constexpr double kPitchDown = 96;
constexpr double kPitchRight = 256;
constexpr double kAside = 216;
constexpr double kGap = 16;
constexpr double kPasteOffset = 32;

const nn::Block* blockOf(const graph::Node& node) {
  return nn::blocks().find(node.block);
}

/// Whether the drawing runs to the right: its wires are longer that way.
bool runsRight(const graph::Graph& graph) {
  double across = 0;
  double down = 0;
  for (const graph::Wire& wire : graph.wires) {
    const graph::Node* from = graph.find(wire.from.node);
    const graph::Node* to = graph.find(wire.to.node);
    if (!from || !to) continue;
    across += std::abs(to->x - from->x);
    down += std::abs(to->y - from->y);
  }
  return across > down;
}

/// `steps` pitches along the flow from a node.
Position along(const graph::Graph& graph, const graph::Node& node, double steps) {
  if (runsRight(graph)) return {node.x + steps * kPitchRight, node.y};
  return {node.x, node.y + steps * kPitchDown};
}

bool covered(const graph::Graph& graph, Position at) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const graph::Node& node) {
    return std::abs(node.x - at.x) < kCardWidth + kGap &&
           std::abs(node.y - at.y) < kCardHeight + kGap;
  });
}

/// The place itself, or the next free one beside it, across the flow.
Position freeFrom(const graph::Graph& graph, Position at) {
  const bool right = runsRight(graph);
  while (covered(graph, at)) {
    if (right) {
      at.y += kPitchDown;
    } else {
      at.x += kAside;
    }
  }
  return at;
}

/// Moves `first` and all that depends on it along the flow until it is a pitch behind `from`.
void makeRoom(Transaction& edit, graph::NodeId first, Position from) {
  const graph::Node* node = edit.graph().find(first);
  if (!node) return;
  const bool right = runsRight(edit.graph());
  const double missing = right ? from.x + kPitchRight - node->x : from.y + kPitchDown - node->y;
  if (missing <= 0) return;
  std::set<graph::NodeId> moved = {first};
  for (const graph::NodeId id : topological_order(edit.graph())) {
    for (const graph::Wire& wire : edit.graph().wires) {
      if (wire.to.node == id && moved.count(wire.from.node) != 0) moved.insert(id);
    }
  }
  for (const graph::NodeId id : moved) {
    const graph::Node* each = edit.graph().find(id);
    edit.moveNode(
        id, right ? Position{each->x + missing, each->y} : Position{each->x, each->y + missing});
  }
}

void wireUp(Transaction& edit, const graph::Wire& wire) {
  if (obstacleTo(edit.graph(), wire).empty()) edit.addWire(wire);
}

std::vector<graph::Wire> wiresOutOf(const graph::Graph& graph, graph::NodeId id) {
  std::vector<graph::Wire> wires;
  for (const graph::Wire& wire : graph.wires) {
    if (wire.from.node == id) wires.push_back(wire);
  }
  return wires;
}

/// The node that a chain drawn so far ends with; null for an empty graph.
const graph::Node* lastNode(const graph::Graph& graph) {
  const std::vector<graph::NodeId> order = topological_order(graph);
  return order.empty() ? nullptr : graph.find(order.back());
}

/// A block that takes nothing goes before the network and feeds the first port that waits.
graph::NodeId prependSource(Transaction& edit, const nn::Block& block) {
  for (const graph::NodeId id : topological_order(edit.graph())) {
    const graph::Node* node = edit.graph().find(id);
    const nn::Block* next = blockOf(*node);
    if (!next || next->inputs.empty() || block.outputs.empty()) continue;
    const graph::Endpoint into{id, next->inputs[0].name};
    if (edit.graph().wire_into(id, into.port)) continue;
    const Position at = freeFrom(edit.graph(), along(edit.graph(), *node, -1));
    const graph::NodeId added = edit.addNode(block, at);
    wireUp(edit, {{added, block.outputs[0].name}, into});
    return added;
  }
  const graph::Node& first = edit.graph().nodes.front();
  return edit.addNode(block, freeFrom(edit.graph(), along(edit.graph(), first, -1)));
}

/// After a node without outputs (a loss): before it, in its wire.
graph::NodeId addBeforeSink(Transaction& edit, const nn::Block& block, const graph::Node& sink) {
  const nn::Block* sinkBlock = blockOf(sink);
  if (!sinkBlock || sinkBlock->inputs.empty() || block.outputs.empty()) {
    return edit.addNode(block, freeFrom(edit.graph(), along(edit.graph(), sink, 1)));
  }
  const graph::Endpoint into{sink.id, sinkBlock->inputs[0].name};
  if (const graph::Wire* wire = edit.graph().wire_into(into.node, into.port)) {
    const graph::Node* from = edit.graph().find(wire->from.node);
    return insertBlock(edit, block, *wire, along(edit.graph(), *from, 1));
  }
  const Position at = freeFrom(edit.graph(), along(edit.graph(), sink, -1));
  const graph::NodeId added = edit.addNode(block, at);
  wireUp(edit, {{added, block.outputs[0].name}, into});
  return added;
}

/// The name itself, or with the first number that makes it new.
std::string freeName(const graph::Graph& graph, const std::string& name) {
  const auto taken = [&](const std::string& candidate) {
    return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                       [&](const graph::Node& node) { return node.name == candidate; });
  };
  if (name.empty() || !taken(name)) return name;
  for (int number = 2;; ++number) {
    const std::string candidate = concat(name, "_", number);
    if (!taken(candidate)) return candidate;
  }
}

}  // namespace

graph::NodeId appendBlock(Transaction& edit, const nn::Block& block, graph::NodeId after) {
  const graph::Node* target = edit.graph().find(after);
  if (!target) target = lastNode(edit.graph());
  if (!target) return edit.addNode(block, freeFrom(edit.graph(), {0, 0}));
  if (block.inputs.empty()) return prependSource(edit, block);
  const nn::Block* targetBlock = blockOf(*target);
  if (!targetBlock || targetBlock->outputs.empty()) return addBeforeSink(edit, block, *target);

  const Position next = along(edit.graph(), *target, 1);
  const graph::Endpoint from{target->id, targetBlock->outputs[0].name};
  const std::vector<graph::Wire> leaving = wiresOutOf(edit.graph(), target->id);
  if (leaving.size() == 1 && !block.outputs.empty()) {
    return insertBlock(edit, block, leaving[0], next);
  }
  const graph::NodeId added = edit.addNode(block, freeFrom(edit.graph(), next));
  wireUp(edit, {from, {added, block.inputs[0].name}});
  return added;
}

graph::NodeId insertBlock(Transaction& edit, const nn::Block& block, const graph::Wire& wire,
                          Position at) {
  const graph::Wire old = wire;
  edit.removeWire(old);
  if (const graph::Node* from = edit.graph().find(old.from.node)) {
    const Position next = along(edit.graph(), *from, 1);
    const bool close = runsRight(edit.graph()) ? at.x < next.x : at.y < next.y;
    if (close) at = next;
  }
  makeRoom(edit, old.to.node, at);
  const graph::NodeId added = edit.addNode(block, freeFrom(edit.graph(), at));
  if (!block.inputs.empty()) wireUp(edit, {old.from, {added, block.inputs[0].name}});
  if (!block.outputs.empty()) wireUp(edit, {{added, block.outputs[0].name}, old.to});
  return added;
}

graph::NodeId placeWiredBlock(Transaction& edit, const nn::Block& block, Position at,
                              graph::Wire wire) {
  const graph::NodeId added = edit.addNode(block, at);
  const bool takes = wire.to.node == graph::kNoNode;
  graph::Endpoint& end = takes ? wire.to : wire.from;
  const std::vector<nn::Port>& ports = takes ? block.inputs : block.outputs;
  if (ports.empty()) return added;
  end.node = added;
  if (end.port.empty()) end.port = ports[0].name;
  wireUp(edit, wire);
  return added;
}

std::vector<graph::NodeId> addFragment(Transaction& edit, const graph::Graph& fragment) {
  const auto hits = [&](double offset) {
    return std::any_of(fragment.nodes.begin(), fragment.nodes.end(), [&](const graph::Node& node) {
      return std::any_of(edit.graph().nodes.begin(), edit.graph().nodes.end(),
                         [&](const graph::Node& other) {
                           return std::abs(other.x - node.x - offset) < kPasteOffset / 2 &&
                                  std::abs(other.y - node.y - offset) < kPasteOffset / 2;
                         });
    });
  };
  double offset = 0;
  while (hits(offset)) offset += kPasteOffset;

  std::map<graph::NodeId, graph::NodeId> ids;
  std::vector<graph::NodeId> added;
  for (graph::Node node : fragment.nodes) {
    const graph::NodeId old = node.id;
    node.x += offset;
    node.y += offset;
    node.name = freeName(edit.graph(), node.name);
    added.push_back(ids[old] = edit.addCopy(std::move(node)));
  }
  for (graph::Wire wire : fragment.wires) {
    const auto from = ids.find(wire.from.node);
    const auto to = ids.find(wire.to.node);
    if (from == ids.end() || to == ids.end()) continue;
    wire.from.node = from->second;
    wire.to.node = to->second;
    edit.addWire(wire);
  }
  return added;
}

}  // namespace nw::app
