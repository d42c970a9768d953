#pragma once

#include <string>
#include <vector>

#include "core/codegen/drawing.h"

namespace nw::codegen {

/// A drawing as PyTorch code in pieces, each formatted as `black` would.
struct PythonModel {
  bool ordered_dict = false;  // uses collections.OrderedDict
  std::string definition;     // "class Model(nn.Module): …"; empty: an nn.Sequential does
  std::string construction;   // "nn.Sequential(…)" or "Model()"
  std::string loss;           // "nn.CrossEntropyLoss()"; empty: the drawing has none
  /// What the loss takes: "prediction", "targets" (the data set's), "inputs" (what the model
  /// takes), and names of what the model gives beside its prediction.
  std::vector<std::string> loss_arguments;
  std::vector<std::string> results;  // what the model gives: "prediction", …
};

/// A chain becomes an nn.Sequential, anything else a class. Its keys are those of the drawing, and
/// it draws its initial weights in the same order. Throws Error with the first mistake that
/// inference finds, and for a block without a counterpart in PyTorch.
PythonModel python_model(const graph::Graph& graph, const data::Signature& data);

/// The whole as a script's beginning: imports, model, loss.
std::string python_code(const graph::Graph& graph, const data::Signature& data);

/// Code of an expression over several lines, the first beginning at `column`, the others at
/// `indent` and deeper.
std::string formatted(const Expression& expression, size_t indent, size_t column);

/// "name(first, second)" on one line where it fits into 88 columns, else one argument a line.
std::string formatted_call(const std::string& name, const std::vector<std::string>& arguments,
                           size_t indent, size_t column);

}  // namespace nw::codegen
