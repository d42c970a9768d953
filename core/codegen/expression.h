#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/nn/block.h"
#include "core/nn/python_syntax.h"
#include "core/optim/scheduler.h"

namespace nw::codegen {

/// A model as Python code says it: one block with its arguments, or an nn.Sequential of models.
struct Expression {
  const nn::Block* block = nullptr;  // null: an nn.Sequential of `items`
  nn::Args args = {};  // what differs from the defaults, checked by the block's description
  std::optional<DType> dtype = {};                             // dtype=torch.float64
  std::vector<std::pair<std::string, Expression>> items = {};  // under torch's names: "0", "conv1"
  nn::Place place = {};

  /// The same model; where it was written does not matter.
  friend bool operator==(const Expression& a, const Expression& b) {
    return a.block == b.block && a.args == b.args && a.dtype == b.dtype && a.items == b.items;
  }
};

/// Reads a model, as code or as print(model) shows it:
///     nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
///     nn.Sequential(OrderedDict([("fc1", nn.Linear(2, 16)), …]))
///     Sequential(\n  (0): Linear(in_features=2, out_features=16, bias=True)\n  …)
/// with or without `nn.` and `torch.`, with comments and line breaks, below imports and assignments
/// of what it uses (core/nn/python_syntax.h). Throws Error for anything else, and for named layers
/// whose weights would be shared or drawn in another order: "line 2, column 14: expected ',' or ')'
/// after an argument, found '='".
Expression parse_model(std::string_view text);

/// The same for a loss: "nn.CrossEntropyLoss(label_smoothing=0.1)".
Expression parse_loss(std::string_view text);

/// An optimiser with its arguments.
struct OptimizerExpression {
  const optim::OptimizerSpec* spec = nullptr;
  nn::Args args;  // what was given, checked
};

/// Reads "optim.Adam(lr=1e-3)" or "torch.optim.SGD(model.parameters(), lr=0.1)"; what to optimise
/// is passed over. Throws Error as parse_model.
OptimizerExpression parse_optimizer(std::string_view text);

/// A scheduler of the learning rate with its arguments.
struct SchedulerExpression {
  const optim::SchedulerSpec* spec = nullptr;
  nn::Args args;  // what was given, checked
};

/// The same for schedulers: "StepLR(step_size=2)", "lr_scheduler.OneCycleLR(optimizer, 0.1)", or
/// several, "ChainedScheduler([LinearLR(), ExponentialLR(0.9)])"; the optimiser is passed over.
std::vector<SchedulerExpression> parse_schedulers(std::string_view text);

/// Builds the module on default_device(), drawing initial weights from default_generator() in the
/// order in which Python would. Its keys are torch's. Throws Error, with the layer's place, for
/// arguments that the layer itself refuses.
std::unique_ptr<nn::Module> build_module(const Expression& expression);

/// The model as code on one line: "nn.Sequential(nn.Linear(2, 16), nn.ReLU())"; parse_model reads
/// it back.
std::string to_python(const Expression& expression);

}  // namespace nw::codegen
