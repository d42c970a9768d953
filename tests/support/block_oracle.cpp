#include "tests/support/block_oracle.h"

#include <algorithm>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/init.h"
#include "core/ops/arithmetic.h"
#include "tests/support/block_comparison.h"

namespace nw::test {
namespace {

std::string names_and_sizes(const nn::StateDict& state) {
  std::string text;
  for (const auto& [key, tensor] : state.entries) {
    text += key;
    if (!tensor.defined()) text += " ?";
    for (size_t i = 0; tensor.defined() && i < tensor.sizes().size(); ++i) {
      text += " " + std::to_string(tensor.sizes()[i]);
    }
    text += "; ";
  }
  return text;
}

std::vector<Tensor> defined(const Tensors& tensors) {
  std::vector<Tensor> out;
  std::copy_if(tensors.begin(), tensors.end(), std::back_inserter(out),
               [](const Tensor& x) { return x.defined(); });
  return out;
}

bool learns(const Tensor& y) {
  return is_floating(y.dtype()) || is_complex(y.dtype());
}

Oracle::Inputs named_inputs(const BlockCase& drawn) {
  Oracle::Inputs inputs;
  for (size_t i = 0; i < drawn.inputs.size(); ++i) {
    if (drawn.inputs[i].defined()) inputs.emplace_back("x" + std::to_string(i), drawn.inputs[i]);
  }
  return inputs;
}

/// The meta device must give the sizes that the CPU gave, and draw nothing.
std::string compare_meta(const BlockCase& drawn, const std::vector<Tensor>& outputs) {
  BlockCase shapes = drawn;
  for (Tensor& x : shapes.inputs) {
    if (x.defined()) x = empty(x.sizes(), x.dtype(), kMeta);
  }
  const DeviceGuard meta(kMeta);
  manual_seed(drawn.seed);
  const Generator before = default_generator();
  const Outcome on_meta = run_ours(shapes);
  if (!on_meta.error.empty()) return "on meta: " + on_meta.error;
  if (!(default_generator() == before)) return "the meta device draws random numbers";
  if (on_meta.outputs.size() != outputs.size()) return "on meta another number of outputs";
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& shape = on_meta.outputs[i];
    if (shape.sizes() == outputs[i].sizes() && shape.dtype() == outputs[i].dtype()) continue;
    return "on meta " + describe(shape) + ", on the CPU " + describe(outputs[i]);
  }
  return {};
}

/// What can be inferred from the wire must be what was drawn.
std::string compare_inferred(const BlockCase& drawn) {
  if (drawn.block->infer == nullptr || !drawn.regular) return {};
  nn::Args args = drawn.block->complete(drawn.args);
  for (const nn::Param& param : drawn.block->params) {
    if (param.inferred) args.set(param.name, nn::None{});
  }
  drawn.block->infer(drawn.inputs[0].sizes(), args);
  for (const nn::Param& param : drawn.block->params) {
    const nn::Value& wanted = *drawn.args.find(param.name);
    // A wire does not tell how many of its dimensions a tuple is of.
    if (std::holds_alternative<std::vector<int64_t>>(wanted)) continue;
    // Below 0: a number of channels that nobody looks at.
    const auto* size = std::get_if<int64_t>(&wanted);
    if (size != nullptr && *size < 0) continue;
    if (param.inferred && *args.find(param.name) != wanted) {
      return concat("infers ", param.name, " ", nn::to_python(*args.find(param.name)));
    }
  }
  return {};
}

/// Runs the case in PyTorch, backward from all outputs if there are gradients.
Oracle::Reply ask(Oracle& oracle, const BlockCase& drawn, const std::vector<Tensor>& grads,
                  Precision precision = Precision::Own, const std::vector<Tensor>& state = {}) {
  Oracle::Inputs inputs = named_inputs(drawn);
  const auto named = [&](const char* prefix, const std::vector<Tensor>& tensors) {
    std::vector<std::string> names;
    for (const Tensor& tensor : tensors) {
      names.push_back(tensor.defined() ? prefix + std::to_string(names.size()) : "None");
      if (tensor.defined()) inputs.emplace_back(names.back(), tensor);
    }
    return names;
  };
  const auto gradients = named("g", grads);
  const auto weights = named("w", state);
  return oracle.run(python_of(drawn, gradients, precision, weights), inputs, {});
}

/// What PyTorch makes of the case when its inputs, first state and gradients are nudged.
Oracle::Reply ask_nudged(Oracle& oracle, const BlockCase& drawn, std::vector<Tensor> grads,
                         std::vector<Tensor> state, uint64_t which) {
  BlockCase other = drawn;
  for (Tensor& x : other.inputs) {
    if (!x.defined() || !x.requires_grad()) continue;
    x = trial::nudged(x.detach(), which);
    x.set_requires_grad();
  }
  for (Tensor& grad : grads) grad = trial::nudged(grad, which);
  for (Tensor& tensor : state) {
    if (tensor.defined()) tensor = trial::nudged(tensor, which);
  }
  return ask(oracle, other, grads, Precision::Own, state);
}

Numbers numbers_of(const Oracle::Reply& reply) {
  Numbers out;
  for (const auto& [name, tensor] : reply.tensors) out.push_back({name, tensor});
  return out;
}

/// With 16 bits PyTorch 1.13 may give other sizes than it does otherwise: transposed convolutions
/// of bfloat16 do.
bool contradicts_itself(const Oracle::Reply& narrow, const Oracle::Reply& wide) {
  return std::any_of(narrow.tensors.begin(), narrow.tensors.end(), [&](const auto& named) {
    const auto it = wide.tensors.find(named.first);
    return it != wide.tensors.end() && it->second.sizes() != named.second.sizes();
  });
}

/// Judges what differs by more than the usual tolerance. What PyTorch gives in float64 is the
/// better judge, and how far it strays from that itself tells what rounding does in this case.
void judge(Oracle& oracle, const Comparison& comparison, const std::vector<Tensor>& grads,
           Verdict& verdict) {
  const BlockCase& drawn = comparison.drawn;
  const bool rounds = drawn.dtype != DType::Float64 && drawn.dtype != DType::Complex128;
  const Oracle::Reply exact =
      rounds ? ask(oracle, drawn, grads, Precision::Float64) : comparison.torch;
  if (exact.ok() && contradicts_itself(comparison.torch, exact)) {
    verdict = {.no_judge = true};
    return;
  }
  Spread spread(numbers_of(exact.ok() ? exact : comparison.torch));
  spread.add(numbers_of(comparison.torch));
  verdict.problem = difference(comparison, spread);
  for (uint64_t which = 1; which <= Spread::kRuns && !verdict.problem.empty(); ++which) {
    const Oracle::Reply run = ask_nudged(oracle, drawn, grads, comparison.ours.initial, which);
    if (!run.ok()) continue;
    spread.add(numbers_of(run));
    verdict.problem = difference(comparison, spread);
    verdict.by_spread = verdict.problem.empty();
  }
}

/// Backward from all outputs at once.
void backward(const std::vector<Tensor>& outputs, const std::vector<Tensor>& grads) {
  const auto needs = [](const Tensor& y) { return y.requires_grad(); };
  auto left = std::count_if(outputs.begin(), outputs.end(), needs);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (needs(outputs[i])) autograd::backward(outputs[i], grads[i], --left > 0);
  }
}

/// PyTorch 1.13's GELU reads a gradient in float32 as if it lay in memory as x does.
bool may_lay_out_gradient(const BlockCase& drawn) {
  return drawn.block->id != "GELU" || drawn.dtype != DType::Float32;
}

/// What PyTorch's backward does not support, ours must refuse. Other errors of it are limits of its
/// code: 16 bits, a gradient that lies in memory as it likes, one without numbers.
std::string compare_backward_refused(const BlockCase& drawn, const Outcome& ours,
                                     const std::vector<Tensor>& grads, const std::string& refused) {
  if (!drawn.is_wide() || refused.find("not supported") == std::string::npos) return {};
  try {
    backward(ours.outputs, grads);
  } catch (const Error&) {
    return {};
  }
  return "ours has a backward, torch: " + refused;
}

/// PyTorch leaves in the bias of a convolution without channels, and in that of a lazy layer
/// without input, what was in memory.
bool has_random_bias(const BlockCase& drawn) {
  const nn::Value* channels = drawn.args.find("in_channels");
  if (channels != nullptr && *channels == nn::Value(int64_t{0})) return true;
  return drawn.block->id.starts_with("Lazy") && drawn.inputs[0].numel() == 0;
}

Verdict compare_accepted(Draw& draw, Oracle& oracle, const BlockCase& drawn, const Outcome& ours,
                         GradientLayout layout) {
  const bool any_layout = layout == GradientLayout::Any && may_lay_out_gradient(drawn);
  std::vector<Tensor> grads;
  const bool asks_gradients = ours.outputs.empty() || !has_empty_window(drawn, ours.outputs[0]);
  for (size_t i = 0; i < ours.outputs.size() && asks_gradients; ++i) {
    const Tensor& y = ours.outputs[i];
    Tensor grad = learns(y) ? draw.numbers(y.sizes(), y.dtype()) : y.detach();
    if (learns(y) && any_layout) grad = arranged(draw, grad);
    grads.push_back(grad);
  }
  const Oracle::Reply torch = ask(oracle, drawn, grads);
  if (!torch.ok()) {
    const bool of_layout = torch.error.find("Unsupported memory format") != std::string::npos;
    const bool undefined = torch.error.find("outside its memory") != std::string::npos;
    if (torch.crashed || of_layout || undefined || !drawn.is_wide()) return {.no_judge = true};
    return {.problem = "ours accepts, torch: " + torch.error};
  }
  if (has_random_bias(drawn)) return {.no_judge = true};
  Verdict verdict{.accepted = true};
  const auto refused = torch.texts.find("backward");
  if (refused != torch.texts.end() && !refused->second.empty()) {
    verdict.problem = compare_backward_refused(drawn, ours, grads, refused->second);
    if (!verdict.problem.empty()) return verdict;
  } else if (refused != torch.texts.end()) {
    backward(ours.outputs, grads);
    verdict.backward = true;
  }
  if (verdict.problem.empty()) {
    verdict.problem = difference({drawn, ours, torch, verdict.backward}, Spread({}));
  }
  if (!verdict.problem.empty()) {
    judge(oracle, {drawn, ours, torch, verdict.backward}, grads, verdict);
  }
  if (verdict.problem.empty()) verdict.problem = compare_meta(drawn, ours.outputs);
  if (verdict.problem.empty()) verdict.problem = compare_inferred(drawn);
  return verdict;
}

bool works_in_place(const BlockCase& drawn) {
  return drawn.args.has("inplace") && drawn.args.boolean("inplace");
}

/// An inplace module may not write on a leaf: products with 1 stand for the layer before.
Tensors made_from(const Tensors& leaves) {
  Tensors out;
  for (const Tensor& leaf : leaves) out.push_back(leaf.defined() ? ops::mul(leaf, 1) : leaf);
  return out;
}

Verdict compare_refused(Oracle& oracle, const BlockCase& drawn, const Outcome& ours) {
  if (!ours.error.starts_with("[")) return {.problem = "message without its op: " + ours.error};
  const Oracle::Inputs inputs = named_inputs(drawn);
  Oracle::Reply torch = oracle.run(python_of(drawn, {}), inputs, {});
  // With 16 bits PyTorch may overlook what it refuses otherwise.
  if (torch.ok() && !drawn.is_wide()) {
    torch = oracle.run(python_of(drawn, {}, Precision::Float64), inputs, {});
  }
  const bool may_refuse = is_complex(drawn.dtype);
  if (torch.ok() && !may_refuse) return {.problem = "torch accepts; ours: " + ours.error};
  return {.no_judge = may_refuse || torch.crashed};
}

}  // namespace

Outcome run_ours(const BlockCase& drawn) {
  Outcome outcome;
  try {
    const nn::DTypeGuard guard(drawn.is_wide() ? drawn.dtype : DType::Float32);
    manual_seed(drawn.seed);
    outcome.module = drawn.block->make(drawn.block->complete(drawn.args));
    if (!drawn.is_wide()) outcome.module->to(drawn.dtype);
    outcome.printed = to_text(*outcome.module);
    const nn::StateDict state = outcome.module->state_dict();
    outcome.names = names_and_sizes(state);
    for (const auto& entry : state.entries) {
      outcome.initial.push_back(entry.tensor.defined() ? raw::clone(entry.tensor) : Tensor());
    }
    outcome.module->train(drawn.training);
    for (int i = 0; i < drawn.forwards; ++i) {
      outcome.fed = works_in_place(drawn) ? made_from(drawn.inputs) : Tensors();
      const Tensors& inputs = outcome.fed.empty() ? drawn.inputs : outcome.fed;
      outcome.outputs = defined(outcome.module->call(inputs));
    }
  } catch (const InternalError& error) {
    outcome.error = "our own fault: " + error.text();
  } catch (const Error& error) {
    outcome.error = error.text();
  }
  return outcome;
}

Verdict compare_with_torch(Draw& draw, Oracle& oracle, const BlockCase& drawn,
                           GradientLayout layout) {
  const Outcome ours = run_ours(drawn);
  try {
    return ours.error.empty() ? compare_accepted(draw, oracle, drawn, ours, layout)
                              : compare_refused(oracle, drawn, ours);
  } catch (const Error& error) {
    return {.problem = "throws " + error.text()};
  }
}

}  // namespace nw::test
