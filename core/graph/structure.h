#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/graph/graph.h"

namespace nw::graph {

/// What the wires alone tell of a graph, before any shape. Refers to the graph.
struct Structure {
  std::unordered_map<NodeId, const Node*> nodes;
  std::map<std::pair<NodeId, std::string>, const Wire*> into;  // by input port
  std::vector<NodeId> order;                                   // topological, without circles
  NodeId input = kNoNode;
  NodeId loss = kNoNode;
  /// Nodes that the loss depends on, and itself. While the way from the Input to the loss is not
  /// complete, all nodes.
  std::set<NodeId> live;
  bool complete = false;
  std::map<NodeId, std::string> keys;  // of live layers
  std::vector<Problem> problems;

  const Wire* wire_into(NodeId node, const std::string& port) const;
  /// The node that feeds the port; null if none.
  const Node* before(NodeId node, const std::string& port) const;
  bool is_live(NodeId node) const { return live.contains(node); }
};

/// Finds order, Input, loss, live nodes and keys, and every problem that needs no shapes: unknown
/// blocks, bad wires, circles, missing or second Inputs and losses, unconnected ports, layers that
/// do not reach the loss, bad names.
Structure analyze(const Graph& graph);

/// "fc1 (Linear)" or "Linear": a node in the midst of a message.
std::string label(const Node& node);

}  // namespace nw::graph
