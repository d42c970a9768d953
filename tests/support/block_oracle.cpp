#include "tests/support/block_oracle.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/init.h"
#include "tests/support/compare.h"

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

/// A dilated maximum may have all its points outside the input. Its value is −∞, and PyTorch 1.13's
/// backward then writes outside its memory: such a case cannot be asked for gradients.
bool has_empty_window(const BlockCase& drawn, const Tensor& y) {
  if (!drawn.args.has("dilation") || !is_floating(y.dtype())) return false;
  const Tensor dense = raw::contiguous(raw::to(y, DType::Float64));
  const double* values = dense.data<double>();
  return std::any_of(values, values + dense.numel(), [](double value) {
    return value == -std::numeric_limits<double>::infinity();
  });
}

Oracle::Inputs named_inputs(const BlockCase& drawn) {
  Oracle::Inputs inputs;
  for (size_t i = 0; i < drawn.inputs.size(); ++i) {
    if (drawn.inputs[i].defined()) inputs.emplace_back("x" + std::to_string(i), drawn.inputs[i]);
  }
  return inputs;
}

/// Whether PyTorch says that it has no code for this dtype.
bool lacks_dtype(const BlockCase& drawn, const std::string& error) {
  if (drawn.is_wide()) return false;
  for (const char* sign : {"not implemented for", "not supported", "Half", "BFloat16", "omplex"}) {
    if (error.find(sign) != std::string::npos) return true;
  }
  return false;
}

std::string text_difference(const std::string& ours, const std::string& theirs, const char* what) {
  return ours == theirs ? std::string() : concat(what, ": ours ", ours, " torch's ", theirs);
}

/// One comparison of a case that both accept.
class Comparison {
 public:
  Comparison(const BlockCase& drawn, const Outcome& ours, const Oracle::Reply& torch)
      : drawn_(drawn), ours_(ours), torch_(torch) {}

  std::string before() const {
    auto problem = text_difference(ours_.printed, torch_.texts.at("printed"), "printed");
    if (problem.empty()) {
      problem = text_difference(ours_.names, torch_.texts.at("names"), "state_dict");
    }
    for (size_t i = 0; i < ours_.initial.size() && problem.empty(); ++i) {
      if (!ours_.initial[i].defined()) continue;
      const std::string name = "first" + std::to_string(i);
      problem = bit_difference(ours_.initial[i], torch_[name], "initial " + key(i));
    }
    return problem;
  }

  std::string outputs() const {
    std::string needs;
    for (const Tensor& y : ours_.outputs) needs += y.requires_grad() ? '1' : '0';
    std::string problem = text_difference(needs, torch_.texts.at("needs"),
                                          "outputs, 1 for each that needs a gradient");
    for (size_t i = 0; i < ours_.outputs.size() && problem.empty(); ++i) {
      problem = difference(ours_.outputs[i], torch_["y" + std::to_string(i)],
                           "output " + std::to_string(i));
    }
    return problem;
  }

  std::string after() const {
    auto problem =
        text_difference(to_text(*ours_.module), torch_.texts.at("printed after"), "printed after");
    const nn::StateDict state = ours_.module->state_dict();
    for (size_t i = 0; i < state.entries.size() && problem.empty(); ++i) {
      problem = difference(state.entries[i].tensor, torch_["state" + std::to_string(i)],
                           state.entries[i].key + " after the run");
    }
    return problem;
  }

  std::string gradients() const {
    // Hundreds of products add up to one number here, in another order than torch's: in float32 the
    // tolerance for one number is too narrow. float64 shows that the sums are the right ones.
    const double slack = drawn_.dtype == DType::Float64 ? 1 : 10;
    std::string problem;
    const auto params = ours_.module->named_parameters();
    for (size_t i = 0; i < params.size() && problem.empty(); ++i) {
      problem = gradient(params[i].second, "gp" + std::to_string(i),
                         "gradient of " + params[i].first, slack);
    }
    for (size_t i = 0; i < drawn_.inputs.size() && problem.empty(); ++i) {
      const Tensor& x = drawn_.inputs[i];
      if (!x.defined() || !x.requires_grad()) continue;
      problem =
          gradient(x, "gx" + std::to_string(i), concat("gradient of input ", i), slack > 1 ? 2 : 1);
    }
    return problem;
  }

 private:
  std::string key(size_t i) const { return ours_.module->state_dict().entries[i].key; }

  std::string gradient(const Tensor& leaf, const std::string& name, const std::string& what,
                       double slack) const {
    const auto it = torch_.tensors.find(name);
    const Tensor theirs = it == torch_.tensors.end() ? Tensor() : it->second;
    return difference(leaf.grad(), theirs, what, slack);
  }

  const BlockCase& drawn_;
  const Outcome& ours_;
  const Oracle::Reply& torch_;
};

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
    if (param.inferred && *args.find(param.name) != *drawn.args.find(param.name)) {
      return concat("infers ", param.name, " ", nn::to_python(*args.find(param.name)));
    }
  }
  return {};
}

/// Backward from all outputs at once.
void backward(const std::vector<Tensor>& outputs, const std::vector<Tensor>& grads) {
  const auto needs = [](const Tensor& y) { return y.requires_grad(); };
  auto left = std::count_if(outputs.begin(), outputs.end(), needs);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (needs(outputs[i])) autograd::backward(outputs[i], grads[i], --left > 0);
  }
}

Verdict compare_accepted(Draw& draw, Oracle& oracle, const BlockCase& drawn, const Outcome& ours) {
  Oracle::Inputs inputs = named_inputs(drawn);
  std::vector<std::string> names;
  std::vector<Tensor> grads;
  const bool with_gradients = ours.outputs.empty() || !has_empty_window(drawn, ours.outputs[0]);
  for (size_t i = 0; i < ours.outputs.size() && with_gradients; ++i) {
    const Tensor& y = ours.outputs[i];
    grads.push_back(learns(y) ? arranged(draw, draw.numbers(y.sizes(), y.dtype())) : y.detach());
    names.push_back("g" + std::to_string(i));
    inputs.emplace_back(names.back(), grads.back());
  }
  const Oracle::Reply torch = oracle.run(python_of(drawn, names), inputs, {});
  if (!torch.ok()) {
    if (lacks_dtype(drawn, torch.error)) return {};
    return {"ours accepts, torch: " + torch.error};
  }
  const Comparison comparison(drawn, ours, torch);
  Verdict verdict{comparison.before(), true};
  if (verdict.problem.empty()) verdict.problem = comparison.outputs();
  if (verdict.problem.empty()) verdict.problem = comparison.after();
  if (verdict.problem.empty() && with_gradients) {
    const std::string& refused = torch.texts.at("backward");
    if (refused.empty()) {
      backward(ours.outputs, grads);
      verdict.problem = comparison.gradients();
      verdict.backward = true;
    } else if (!lacks_dtype(drawn, refused)) {
      verdict.problem = "torch's backward: " + refused;
    }
  }
  if (verdict.problem.empty()) verdict.problem = compare_meta(drawn, ours.outputs);
  if (verdict.problem.empty()) verdict.problem = compare_inferred(drawn);
  return verdict;
}

Verdict compare_refused(Oracle& oracle, const BlockCase& drawn, const Outcome& ours) {
  if (!ours.error.starts_with("[")) return {"message without its op: " + ours.error};
  const bool may_refuse = is_complex(drawn.dtype);
  const auto torch = oracle.run(python_of(drawn, {}), named_inputs(drawn), {});
  if (torch.ok() && !may_refuse) return {"torch accepts; ours: " + ours.error};
  return {};
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
      outcome.outputs = defined(outcome.module->call(drawn.inputs));
    }
  } catch (const InternalError& error) {
    outcome.error = "our own fault: " + error.text();
  } catch (const Error& error) {
    outcome.error = error.text();
  }
  return outcome;
}

Verdict compare_with_torch(Draw& draw, Oracle& oracle, const BlockCase& drawn) {
  const Outcome ours = run_ours(drawn);
  try {
    return ours.error.empty() ? compare_accepted(draw, oracle, drawn, ours)
                              : compare_refused(oracle, drawn, ours);
  } catch (const Error& error) {
    return {"throws " + error.text()};
  }
}

}  // namespace nw::test
