#pragma once

#include <string>
#include <vector>

#include "core/graph/problem.h"
#include "core/nn/block.h"

namespace nw::graph {

/// A block placed on the canvas.
struct Node {
  NodeId id = kNoNode;
  std::string block;  // a Block's id; may be unknown to this program, then it is kept as it is
  int block_version = 1;
  /// Module name in the state_dict; empty: its position, as nn.Sequential counts.
  std::string name = {};
  nn::Args args = {};   // only what differs from the defaults
  double x = 0, y = 0;  // centre on the canvas, px
  /// Members of the project file that this program does not know, saved back untouched: the text of
  /// a JSON object. Holds the arguments of an unknown block too. Empty: none.
  std::string extra = {};
};

struct Endpoint {
  NodeId node = kNoNode;
  std::string port;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// From an output port to an input port. An input port takes one wire, an output port feeds many.
struct Wire {
  Endpoint from;
  Endpoint to;
  friend bool operator==(const Wire&, const Wire&) = default;
};

/// The drawing: nodes and wires. Plain data; edits go through app/document.
struct Graph {
  std::vector<Node> nodes;
  std::vector<Wire> wires;

  const Node* find(NodeId id) const;
  Node* find(NodeId id);
  /// One more than the largest id in use.
  NodeId next_id() const;
  /// The wire into a port; null if none.
  const Wire* wire_into(NodeId node, std::string_view port) const;
  /// Whether a wire from `from` to `to` would close a circle.
  bool would_cycle(NodeId from, NodeId to) const;
};

/// The block of a node; null when this program does not know it, or not in this version.
const nn::Block* find_block(const Node& node);

/// Nodes so that each comes after those it takes from; ties in order of id. Nodes on a circle, and
/// those that depend on them, are left out.
std::vector<NodeId> topological_order(const Graph& graph);

}  // namespace nw::graph
