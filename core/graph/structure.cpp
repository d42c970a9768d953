#include "core/graph/structure.h"

#include <algorithm>

#include "core/graph/names.h"

namespace nw::graph {
namespace {

bool has_port(const std::vector<nn::Port>& ports, std::string_view name) {
  return std::any_of(ports.begin(), ports.end(),
                     [&](const nn::Port& port) { return port.name == name; });
}

/// Finds out about the wires of one graph step by step; each step adds its problems.
class Analysis {
 public:
  explicit Analysis(const Graph& graph) : graph_(graph) {}

  Structure run() {
    index_nodes();
    index_wires();
    s_.order = topological_order(graph_);
    if (s_.order.size() < s_.nodes.size()) report_circles();
    find_ends();
    find_live();
    report_unconnected();
    report_dead_ends();
    name_layers(s_);
    return std::move(s_);
  }

 private:
  void add(Severity severity, NodeId node, std::string port, std::string text) {
    s_.problems.push_back({severity, node, std::move(port), std::move(text), {}});
  }

  void index_nodes() {
    for (const Node& node : graph_.nodes) {
      if (!s_.nodes.emplace(node.id, &node).second) {
        add(Severity::Error, node.id, "",
            concat("[graph] two nodes have the id ", node.id, "; remove one of them"));
      }
      const nn::Block* known = nn::blocks().find(node.block);
      if (known == nullptr) {
        add(Severity::Error, node.id, "",
            concat("[", node.block,
                   "] is a block that this program does not know; it is kept as it "
                   "is. Replace it, or open the project with a newer Netwright"));
      } else if (node.block_version > known->version) {
        add(Severity::Error, node.id, "",
            concat("[", node.block, "] has version ", node.block_version,
                   ", and this program knows it up to ", known->version,
                   "; it is kept as it is. Open the project with a newer Netwright"));
      }
    }
  }

  void index_wires() {
    for (const Wire& wire : graph_.wires) {
      const auto from = s_.nodes.find(wire.from.node);
      const auto to = s_.nodes.find(wire.to.node);
      if (from == s_.nodes.end() || to == s_.nodes.end()) {
        const NodeId there = from != s_.nodes.end() ? wire.from.node : wire.to.node;
        add(Severity::Error, s_.nodes.contains(there) ? there : kNoNode, "",
            "[graph] a wire has no node at one of its ends; remove it");
        continue;
      }
      const nn::Block* source = find_block(*from->second);
      const nn::Block* target = find_block(*to->second);
      if (source != nullptr && !has_port(source->outputs, wire.from.port)) {
        add(Severity::Error, wire.from.node, wire.from.port,
            concat("[", source->id, "] has no output \"", wire.from.port, "\"; remove the wire"));
      } else if (target != nullptr && !has_port(target->inputs, wire.to.port)) {
        add(Severity::Error, wire.to.node, wire.to.port,
            concat("[", target->id, "] has no input \"", wire.to.port, "\"; remove the wire"));
      } else if (!s_.into.emplace(std::pair(wire.to.node, wire.to.port), &wire).second) {
        add(Severity::Error, wire.to.node, wire.to.port,
            concat("[", to->second->block, "] ", wire.to.port,
                   " takes one wire, gets two; remove one of them"));
      }
    }
  }

  /// The nodes left out of the order from which a walk along the wires comes back.
  void report_circles() {
    const std::set<NodeId> ordered(s_.order.begin(), s_.order.end());
    std::map<NodeId, std::vector<NodeId>> next;
    for (const Wire& wire : graph_.wires) {
      if (s_.nodes.contains(wire.from.node) && s_.nodes.contains(wire.to.node) &&
          !ordered.contains(wire.from.node) && !ordered.contains(wire.to.node)) {
        next[wire.from.node].push_back(wire.to.node);
      }
    }
    for (const auto& [id, targets] : next) {
      const std::vector<NodeId> circle = way_back(id, next);
      if (circle.empty()) continue;
      std::string text;
      for (NodeId on : circle) text += label(*s_.nodes.at(on)) + " → ";
      add(Severity::Error, id, "",
          concat("[", s_.nodes.at(id)->block,
                 "] is on a circle of wires, and numbers can only flow ",
                 "forward; remove one wire of ", text, label(*s_.nodes.at(id))));
    }
  }

  /// The shortest circle through `start`, beginning there; empty if there is none.
  static std::vector<NodeId> way_back(NodeId start,
                                      const std::map<NodeId, std::vector<NodeId>>& next) {
    std::map<NodeId, NodeId> came_from;
    std::vector<NodeId> queue{start};
    for (size_t i = 0; i < queue.size(); ++i) {
      const auto targets = next.find(queue[i]);
      if (targets == next.end()) continue;
      for (NodeId target : targets->second) {
        if (target == start) {
          std::vector<NodeId> circle;
          for (NodeId on = queue[i]; on != start; on = came_from.at(on)) circle.push_back(on);
          circle.push_back(start);
          std::reverse(circle.begin(), circle.end());
          return circle;
        }
        if (came_from.emplace(target, queue[i]).second) queue.push_back(target);
      }
    }
    return {};
  }

  void find_ends() {
    for (const Node& node : graph_.nodes) {
      const nn::Block* block = find_block(node);
      if (block == nullptr || block->role == nn::Role::Layer) continue;
      const bool is_input = block->role == nn::Role::Input;
      NodeId& first = is_input ? s_.input : s_.loss;
      if (first == kNoNode) {
        first = node.id;
      } else {
        add(Severity::Error, node.id, "",
            concat("[", node.block, "] is the second ", is_input ? "Input" : "loss",
                   "; a graph has one. Remove one of them"));
      }
    }
    if (s_.input == kNoNode) {
      add(Severity::Error, kNoNode, "",
          "[graph] has no Input; add one in front of the first layer, so that the data set can "
          "flow in");
    }
    if (s_.loss == kNoNode) {
      add(Severity::Error, kNoNode, "",
          "[graph] has no loss; add one behind the last layer, such as CrossEntropyLoss, so that "
          "there is something to learn");
    }
  }

  void find_live() {
    std::vector<NodeId> stack;
    if (s_.loss != kNoNode) stack.push_back(s_.loss);
    s_.complete = s_.loss != kNoNode && s_.input != kNoNode;
    while (!stack.empty()) {
      const NodeId id = stack.back();
      stack.pop_back();
      if (!s_.live.insert(id).second) continue;
      const nn::Block* block = find_block(*s_.nodes.at(id));
      for (auto it = s_.into.lower_bound({id, ""}); it != s_.into.end() && it->first.first == id;
           ++it) {
        stack.push_back(it->second->from.node);
      }
      if (block == nullptr) continue;
      for (const nn::Port& port : block->inputs) {
        if (!port.optional && s_.wire_into(id, port.name) == nullptr) s_.complete = false;
      }
    }
    s_.complete = s_.complete && s_.is_live(s_.input);
    if (s_.complete) return;
    for (const Node& node : graph_.nodes) s_.live.insert(node.id);
  }

  void report_unconnected() {
    for (const Node& node : graph_.nodes) {
      const nn::Block* block = find_block(node);
      if (block == nullptr || !s_.is_live(node.id)) continue;
      for (const nn::Port& port : block->inputs) {
        if (port.optional || s_.wire_into(node.id, port.name) != nullptr) continue;
        add(Severity::Error, node.id, port.name,
            concat("[", node.block, "] ", port.name, " is not connected; draw a wire to it"));
      }
    }
  }

  /// One warning for each loose end rather than one for every node that leads to it.
  void report_dead_ends() {
    if (!s_.complete) return;
    std::set<NodeId> feeding;
    for (const auto& [port, wire] : s_.into) feeding.insert(wire->from.node);
    for (const Node& node : graph_.nodes) {
      if (s_.is_live(node.id) || feeding.contains(node.id)) continue;
      const nn::Block* block = find_block(node);
      if (block == nullptr || block->role != nn::Role::Layer) continue;  // these have their problem
      add(Severity::Warning, node.id, "",
          concat("[", node.block, "] does not lead to the loss; it takes no part in the training. ",
                 "Connect or remove it"));
    }
  }

  const Graph& graph_;
  Structure s_;
};

}  // namespace

const Wire* Structure::wire_into(NodeId node, const std::string& port) const {
  const auto it = into.find({node, port});
  return it == into.end() ? nullptr : it->second;
}

const Node* Structure::before(NodeId node, const std::string& port) const {
  const Wire* wire = wire_into(node, port);
  return wire == nullptr ? nullptr : nodes.at(wire->from.node);
}

Structure analyze(const Graph& graph) {
  return Analysis(graph).run();
}

std::string label(const Node& node) {
  return node.name.empty() ? node.block : node.name + " (" + node.block + ")";
}

}  // namespace nw::graph
