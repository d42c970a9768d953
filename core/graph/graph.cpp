#include "core/graph/graph.h"

#include <algorithm>
#include <queue>
#include <unordered_map>

namespace nw::graph {
namespace {

/// The nodes that each node feeds, once for each wire; wires from or to missing nodes are left out.
std::unordered_map<NodeId, std::vector<NodeId>> followers(const Graph& graph) {
  std::unordered_map<NodeId, std::vector<NodeId>> next;
  for (const Node& node : graph.nodes) next[node.id];
  for (const Wire& wire : graph.wires) {
    const auto from = next.find(wire.from.node);
    if (from != next.end() && next.contains(wire.to.node)) from->second.push_back(wire.to.node);
  }
  return next;
}

}  // namespace

const Node* Graph::find(NodeId id) const {
  const auto it =
      std::find_if(nodes.begin(), nodes.end(), [&](const Node& n) { return n.id == id; });
  return it == nodes.end() ? nullptr : &*it;
}

Node* Graph::find(NodeId id) {
  return const_cast<Node*>(std::as_const(*this).find(id));
}

NodeId Graph::next_id() const {
  NodeId largest = kNoNode;
  for (const Node& node : nodes) largest = std::max(largest, node.id);
  return largest + 1;
}

const Wire* Graph::wire_into(NodeId node, std::string_view port) const {
  const auto it = std::find_if(wires.begin(), wires.end(), [&](const Wire& w) {
    return w.to.node == node && w.to.port == port;
  });
  return it == wires.end() ? nullptr : &*it;
}

bool Graph::would_cycle(NodeId from, NodeId to) const {
  if (from == to) return true;
  const auto next = followers(*this);
  std::vector<NodeId> stack{to};
  std::unordered_map<NodeId, bool> seen;
  while (!stack.empty()) {
    const NodeId id = stack.back();
    stack.pop_back();
    if (id == from) return true;
    const auto found = next.find(id);
    if (std::exchange(seen[id], true) || found == next.end()) continue;
    stack.insert(stack.end(), found->second.begin(), found->second.end());
  }
  return false;
}

const nn::Block* find_block(const Node& node) {
  const nn::Block* block = nn::blocks().find(node.block);
  return block != nullptr && node.block_version <= block->version ? block : nullptr;
}

std::vector<NodeId> topological_order(const Graph& graph) {
  const auto next = followers(graph);
  std::unordered_map<NodeId, int> awaited;
  for (const auto& [id, targets] : next) {
    for (NodeId target : targets) ++awaited[target];
  }
  std::priority_queue<NodeId, std::vector<NodeId>, std::greater<>> ready;
  for (const auto& [id, targets] : next) {
    if (awaited[id] == 0) ready.push(id);
  }
  std::vector<NodeId> order;
  while (!ready.empty()) {
    const NodeId id = ready.top();
    ready.pop();
    order.push_back(id);
    for (NodeId target : next.at(id)) {
      if (--awaited[target] == 0) ready.push(target);
    }
  }
  return order;
}

}  // namespace nw::graph
