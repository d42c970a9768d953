#include "core/codegen/python_code.h"

#include "core/codegen/python_class.h"
#include "core/graph/flow.h"
#include "core/nn/call.h"

namespace nw::codegen {
namespace {

bool names_layers(const Expression& expression) {
  for (size_t i = 0; i < expression.items.size(); ++i) {
    const auto& [name, item] = expression.items[i];
    if (name != std::to_string(i) || names_layers(item)) return true;
  }
  return false;
}

/// The mistakes that code would repeat; a drawing without Input or loss is none.
void check(const graph::Structure& structure, const graph::Inference& inference) {
  for (const graph::Problem& problem : inference.problems) {
    const bool of_graph = problem.node == graph::kNoNode;
    NW_CHECK(problem.severity != graph::Severity::Error || of_graph, problem.text);
  }
  for (const auto& [id, node] : structure.nodes) {
    NW_CHECK(graph::find_block(*node) != nullptr, "[", node->block,
             "] is a block that this program does not know");
  }
}

/// As an nn.Sequential takes and gives it.
void write_chain(const graph::Structure& structure, const Expression& chain, PythonModel& out) {
  out.ordered_dict = names_layers(chain);
  out.construction = formatted(chain, 0, 8);
  out.results = {"prediction"};
  if (structure.loss == graph::kNoNode) return;
  const nn::Block& loss = *graph::find_block(*structure.nodes.at(structure.loss));
  for (const nn::Port& port : loss.inputs) {
    const graph::Wire* wire = structure.wire_into(structure.loss, port.name);
    if (&port == &loss.inputs.front()) {
      out.loss_arguments.push_back("prediction");
    } else if (port.name == graph::kTargetPort &&
               (wire == nullptr || wire->from.port == graph::kTargetPort)) {
      out.loss_arguments.push_back("targets");
    } else if (wire != nullptr) {
      out.loss_arguments.push_back(wire->from.port == graph::kTargetPort ? "targets" : "inputs");
    }
  }
}

}  // namespace

PythonModel python_model(const graph::Graph& graph, const data::Signature& data) {
  const graph::Structure structure = graph::analyze(graph);
  const graph::Inference inference = graph::infer(graph, data);
  check(structure, inference);
  PythonModel out;
  if (const auto chain = to_expression(structure, inference)) {
    write_chain(structure, *chain, out);
  } else {
    write_class(structure, inference, out);
  }
  if (structure.loss != graph::kNoNode) {
    const graph::Node& loss = *structure.nodes.at(structure.loss);
    const Expression call{.block = graph::find_block(loss),
                          .args = constructor_args(loss, inference)};
    NW_CHECK(!call.block->torch_name.empty(), "[", loss.block,
             "] has no counterpart in PyTorch, so it cannot be written as its code");
    out.loss = formatted(call, 0, 10);
  }
  return out;
}

std::string python_code(const graph::Graph& graph, const data::Signature& data) {
  const PythonModel model = python_model(graph, data);
  std::string text = model.ordered_dict ? "from collections import OrderedDict\n\n" : "";
  const bool needs_torch =
      (model.definition + model.construction + model.loss).find("torch.") != std::string::npos;
  text += needs_torch ? "import torch\nfrom torch import nn\n" : "from torch import nn\n";
  text += model.definition.empty() ? "\n" : "\n\n" + model.definition + "\n\n";
  text += "model = " + model.construction + "\n";
  if (!model.loss.empty()) text += "loss_fn = " + model.loss + "\n";
  return text;
}

}  // namespace nw::codegen
