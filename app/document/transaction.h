#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/document/edit.h"

namespace nw::app {

/// Collects the edits of one undo step, doing each at once, so that the next can build on it.
/// Borrows the project. Nothing is done for what is not there.
class Transaction {
 public:
  explicit Transaction(graph::Project& project) : project_(project) {}

  const graph::Graph& graph() const { return project_.graph; }
  std::vector<Edit> take() { return std::move(edits_); }

  /// A new node of the block, with no arguments of its own.
  graph::NodeId addNode(const nn::Block& block, Position position);
  /// Takes the node with everything but its id, which becomes a free one.
  graph::NodeId addCopy(graph::Node node);
  /// With its wires.
  void removeNode(graph::NodeId id);
  /// A wire that led into the same port goes.
  void addWire(graph::Wire wire);
  void removeWire(const graph::Wire& wire);
  void moveNode(graph::NodeId id, Position position);
  void rename(graph::NodeId id, std::string name);
  /// What equals the default, or None where a size is inferred, is not kept.
  void setArg(graph::NodeId id, std::string_view param, const nn::Value& value);
  /// `field` names what differs, as runDifference() tells.
  void setRun(graph::RunSettings settings, std::string field);

 private:
  void perform(Edit edit);

  graph::Project& project_;
  std::vector<Edit> edits_;
};

/// Why a wire cannot be drawn, as a sentence; empty when it can.
std::string obstacleTo(const graph::Graph& graph, const graph::Wire& wire);

}  // namespace nw::app
