#include "core/graph/infer.h"

#include <algorithm>

#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/graph/flow.h"
#include "core/graph/lint.h"
#include "core/graph/structure.h"

namespace nw::graph {
namespace {

/// Walks over one graph in topological order and runs each module on meta.
class Inferrer {
 public:
  Inferrer(const Graph& graph, const data::Signature& data, std::string_view data_problem)
      : graph_(graph), data_(data), data_problem_(data_problem), s_(analyze(graph)) {}

  Inference run() {
    out_.problems = s_.problems;
    for (const Node& node : graph_.nodes) describe(node);
    const DeviceGuard guard(kMeta);
    const autograd::NoGrad no_grad;
    for (NodeId id : s_.order) visit(*s_.nodes.at(id));
    lint(s_, data_, flows_, out_);
    settle();
    return std::move(out_);
  }

 private:
  void add(NodeId node, std::string port, std::string text, std::vector<Fix> fixes = {}) {
    out_.problems.push_back(
        {Severity::Error, node, std::move(port), std::move(text), std::move(fixes)});
  }

  /// What needs no shapes: arguments and their mistakes.
  void describe(const Node& node) {
    NodeInfo& info = out_.nodes[node.id];
    const auto key = s_.keys.find(node.id);
    if (key != s_.keys.end()) info.key = key->second;
    const nn::Block* block = find_block(node);
    if (block == nullptr) return;
    info.outputs.resize(block->outputs.size());
    const std::vector<std::string> problems = block->problems(node.args);
    for (const std::string& problem : problems) add(node.id, "", problem);
    if (!problems.empty()) return;
    info.args = block->complete(node.args);
    if (block->caption != nullptr) info.caption = block->caption(info.args);
    sound_.insert(node.id);
  }

  void visit(const Node& node) {
    const nn::Block* block = find_block(node);
    if (block == nullptr || !sound_.contains(node.id)) return;
    if (block->role == nn::Role::Input) {
      if (node.id == s_.input) feed(node);
    } else if (block->role == nn::Role::Layer || node.id == s_.loss) {
      run_module(node, *block);
    }
  }

  /// The Input's first port is the samples, its second the targets.
  void feed(const Node& node) {
    if (data_.sample.empty()) {
      add(node.id, "",
          data_problem_.empty() ? "[Input] the sizes of the data set are not known; choose one"
                                : std::string(data_problem_));
      return;
    }
    const std::vector<nn::Port>& ports = find_block(node)->outputs;
    for (const nn::Port& port : ports) {
      const bool target = port.name == kTargetPort;
      publish(node, port.name,
              target ? Probe::batch_of(data_.target, data_.target_dtype)
                     : Probe::batch_of(data_.sample, data_.sample_dtype));
    }
  }

  void publish(const Node& node, const std::string& port, Probe probe) {
    const std::vector<nn::Port>& ports = find_block(node)->outputs;
    const auto at =
        std::find_if(ports.begin(), ports.end(), [&](const nn::Port& p) { return p.name == port; });
    NodeInfo& info = out_.nodes.at(node.id);
    info.outputs[static_cast<size_t>(at - ports.begin())] = probe.flow();
    flows_.insert_or_assign({node.id, port}, std::move(probe));
  }

  /// What comes in at each port; false when something is not known (yet).
  bool gather(const Node& node, const nn::Block& block, std::vector<Probe>& inputs) {
    for (const nn::Port& port : block.inputs) {
      const Wire* wire = s_.wire_into(node.id, port.name);
      if (wire != nullptr) {
        const auto flow = flows_.find({wire->from.node, wire->from.port});
        if (flow == flows_.end()) return false;
        inputs.push_back(flow->second);
      } else if (block.role == nn::Role::Loss && port.name == kTargetPort) {
        if (data_.sample.empty()) return false;
        inputs.push_back(Probe::batch_of(data_.target, data_.target_dtype));
      } else if (port.optional) {
        inputs.emplace_back();
      } else {
        return false;
      }
    }
    return true;
  }

  void run_module(const Node& node, const nn::Block& block) {
    if (takes_target(node, block)) return;
    std::vector<Probe> inputs;
    if (!gather(node, block, inputs)) return;
    NodeInfo& info = out_.nodes.at(node.id);
    try {
      if (block.infer != nullptr) block.infer(inputs[0].one.sizes(), info.args);
      if (block.caption != nullptr) info.caption = block.caption(info.args);
      const std::unique_ptr<nn::Module> module = block.make(info.args);
      const bool learns = !module->parameters().empty();
      const std::vector<Probe> outputs = run_probes(*module, inputs, learns);
      // Only now has a lazy layer its sizes.
      for (const Tensor& parameter : module->parameters()) info.parameters += parameter.numel();
      if (block.role == nn::Role::Loss) {
        check_loss(node, inputs, outputs[0]);
      } else {
        finish_layer(node, block, inputs, outputs);
      }
    } catch (const Error& error) {
      add(node.id, block.inputs[0].name, explain(error, inputs, block.inputs),
          fixes_of(error, node, block));
    }
  }

  /// The data set's target has no place in a layer: the network must not see the answer.
  bool takes_target(const Node& node, const nn::Block& block) {
    if (block.role == nn::Role::Loss) return false;
    for (const nn::Port& port : block.inputs) {
      const Wire* wire = s_.wire_into(node.id, port.name);
      if (wire == nullptr || wire->from.node != s_.input || wire->from.port != kTargetPort)
        continue;
      add(node.id, port.name,
          concat("[", block.id, "] cannot take the data set's target; only a loss can"));
      return true;
    }
    return false;
  }

  void finish_layer(const Node& node, const nn::Block& block, const std::vector<Probe>& inputs,
                    const std::vector<Probe>& outputs) {
    NodeInfo& info = out_.nodes.at(node.id);
    // Arguments may switch outputs off (return_indices=False).
    info.returned = outputs.size();
    for (size_t i = 0; i < std::min(block.outputs.size(), outputs.size()); ++i) {
      if (!outputs[i].one.defined()) continue;
      publish(node, block.outputs[i].name, outputs[i]);
      info.activation_bytes +=
          numel(info.outputs[i].sizes) * static_cast<int64_t>(item_bytes(outputs[i].one.dtype()));
    }
    check_wires_of_silent_ports(node, block);
    if (block.multiply_adds != nullptr) {
      info.multiply_adds =
          block.multiply_adds(info.args, inputs[0].flow().sizes, info.outputs[0].sizes);
    }
  }

  /// A wire from an output that the arguments switched off brings nothing.
  void check_wires_of_silent_ports(const Node& node, const nn::Block& block) {
    for (const Wire& wire : graph_.wires) {
      const std::string& port = wire.from.port;
      const bool known = std::any_of(block.outputs.begin(), block.outputs.end(),
                                     [&](const nn::Port& p) { return p.name == port; });
      if (wire.from.node != node.id || !known || flows_.contains({node.id, port})) continue;
      const std::string param = "return_" + port;
      std::vector<Fix> fixes;
      if (block.find(param) != nullptr) {
        fixes.push_back({concat("Set ", param, " to True"), node.id, param, true});
      }
      const std::string remedy = fixes.empty() ? "" : concat("; ", param, " must be True");
      add(wire.to.node, wire.to.port,
          concat("[", block.id, "] gives no ", port, " with these arguments", remedy),
          std::move(fixes));
    }
  }

  void check_loss(const Node& node, const std::vector<Probe>& inputs, const Probe& loss) {
    const bool compares = inputs.size() == 2 && find_block(node)->inputs[1].name == kTargetPort;
    const Probe& target = inputs.back();
    if (compares && is_floating(target.one.dtype()) &&
        target.one.sizes() != inputs[0].one.sizes()) {
      // PyTorch would stretch one over the other with a warning, which is never meant here.
      add(node.id, find_block(node)->inputs[0].name,
          concat("[", node.block, "] expects an answer of the target's sizes ", target.flow().text,
                 ", gets ", inputs[0].flow().text));
    } else if (loss.one.numel() != 1) {
      std::vector<Fix> fixes;
      if (find_block(node)->find("reduction") != nullptr) {
        fixes.push_back({"Set reduction to 'mean'", node.id, "reduction", std::string("mean")});
      }
      add(node.id, "",
          concat("[", node.block, "] gives ", loss.flow().text,
                 " losses, training needs one number; let it average them"),
          std::move(fixes));
    }
  }

  /// Sums up, and makes warnings of the mistakes of nodes that take no part in the training.
  void settle() {
    for (const auto& [id, info] : out_.nodes) {
      if (!s_.is_live(id)) continue;
      out_.parameters += info.parameters;
      out_.multiply_adds += info.multiply_adds;
      out_.activation_bytes += info.activation_bytes;
    }
    const std::set<NodeId> ordered(s_.order.begin(), s_.order.end());
    for (Problem& problem : out_.problems) {
      const nn::Block* block =
          s_.nodes.contains(problem.node) ? find_block(*s_.nodes.at(problem.node)) : nullptr;
      const bool idle = problem.node != kNoNode && s_.complete && !s_.is_live(problem.node);
      const bool layer = block == nullptr || block->role == nn::Role::Layer;
      if (idle && layer && ordered.contains(problem.node)) {
        problem.severity = std::min(problem.severity, Severity::Warning);
      }
    }
  }

  const Graph& graph_;
  const data::Signature& data_;
  std::string_view data_problem_;
  Structure s_;
  std::set<NodeId> sound_;  // arguments are in order
  Flows flows_;
  Inference out_;
};

}  // namespace

bool Inference::ok() const {
  return std::none_of(problems.begin(), problems.end(),
                      [](const Problem& p) { return p.severity == Severity::Error; });
}

Inference infer(const Graph& graph, const data::Signature& data, std::string_view data_problem) {
  return Inferrer(graph, data, data_problem).run();
}

Inference infer(const Project& project) {
  const DataStatus status = data_status(project.run.data);
  return infer(project.graph, status.signature, status.problem);
}

}  // namespace nw::graph
