#include "tests/support/block_oracle.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/init.h"
#include "core/ops/arithmetic.h"
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

std::string text_difference(const std::string& ours, const std::string& theirs, const char* what) {
  return ours == theirs ? std::string() : concat(what, ": ours ", ours, " torch's ", theirs);
}

constexpr double kUsualGradient = 20;

double largest(const Tensor& x) {
  const Tensor dense = raw::contiguous(raw::to(x, DType::Complex128));
  double found = 0;
  for (int64_t i = 0; i < dense.numel(); ++i) {
    found = std::max(found, std::abs(dense.data<std::complex<double>>()[i]));
  }
  return std::isfinite(found) ? found : 0;
}

constexpr double kRoundings = 16;

/// The largest distance of two tensors of one size; infinite where one has numbers that the other
/// has not.
double distance(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined() || a.sizes() != b.sizes() || is_complex(a.dtype())) {
    return std::numeric_limits<double>::infinity();
  }
  const Tensor x = raw::contiguous(raw::to(a, DType::Float64));
  const Tensor y = raw::contiguous(raw::to(b, DType::Float64));
  double largest = 0;
  for (int64_t i = 0; i < x.numel(); ++i) {
    const double u = x.data<double>()[i];
    const double v = y.data<double>()[i];
    if (u == v || (std::isnan(u) && std::isnan(v))) continue;
    largest = std::max(largest, std::abs(u - v));
    if (std::isnan(largest)) return std::numeric_limits<double>::infinity();
  }
  return largest;
}

constexpr double kMostFlipped = 0.25;

/// Which share of the numbers lies farther apart than `allowed`.
double share_beyond(const Tensor& a, const Tensor& b, double allowed) {
  const Tensor x = raw::contiguous(raw::to(a, DType::Float64));
  const Tensor y = raw::contiguous(raw::to(b, DType::Float64));
  int64_t beyond = 0;
  for (int64_t i = 0; i < x.numel(); ++i) {
    beyond += !(std::abs(x.data<double>()[i] - y.data<double>()[i]) <= allowed);
  }
  return static_cast<double>(beyond) / static_cast<double>(std::max<int64_t>(x.numel(), 1));
}

/// One comparison of a case that both accept. `exact` is what PyTorch gives in float64 (null: not
/// asked): where its own rounding shows, ours may be four times as far from that, or as
/// far as the 16-bit roundings of a deep block come to.
class Comparison {
 public:
  Comparison(const BlockCase& drawn, const Outcome& ours, const Oracle::Reply& torch,
             const Oracle::Reply* exact = nullptr)
      : drawn_(drawn), ours_(ours), torch_(torch), exact_(exact) {}

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
    // Of a window without points there is no index to compare.
    const bool no_index = !ours_.outputs.empty() && has_empty_window(drawn_, ours_.outputs[0]);
    for (size_t i = 0; i < ours_.outputs.size() && problem.empty(); ++i) {
      if (no_index && ours_.outputs[i].dtype() == DType::Int64) continue;
      problem = numbers(ours_.outputs[i], "y" + std::to_string(i), "output " + std::to_string(i));
    }
    for (size_t i = 0; i < ours_.fed.size() && problem.empty(); ++i) {
      if (!ours_.fed[i].defined()) continue;
      problem =
          numbers(ours_.fed[i], "fed" + std::to_string(i), concat("input ", i, " afterwards"));
    }
    return problem;
  }

  std::string after() const {
    auto problem =
        text_difference(to_text(*ours_.module), torch_.texts.at("printed after"), "printed after");
    const nn::StateDict state = ours_.module->state_dict();
    for (size_t i = 0; i < state.entries.size() && problem.empty(); ++i) {
      problem = numbers(state.entries[i].tensor, "state" + std::to_string(i),
                        state.entries[i].key + " after the run");
    }
    return problem;
  }

  std::string gradients() const {
    // Hundreds of products add up to one number here, in another order than torch's: in float32 the
    // tolerance for one number is too narrow, and the more so the larger they are. float64 shows
    // that the sums are the right ones.
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
    const Tensor theirs = named(torch_, name);
    const double growth = slack > 1 && theirs.defined() ? largest(theirs) / kUsualGradient : 1;
    return numbers(leaf.grad(), name, what, slack * std::max(growth, 1.0));
  }

  static Tensor named(const Oracle::Reply& reply, const std::string& name) {
    const auto it = reply.tensors.find(name);
    return it == reply.tensors.end() ? Tensor() : it->second;
  }

  std::string numbers(const Tensor& ours, const std::string& name, const std::string& what,
                      double slack = 1) const {
    const Tensor theirs = named(torch_, name);
    const std::string problem = difference(ours, theirs, what, slack);
    if (problem.empty() || exact_ == nullptr) return problem;
    const Tensor exact = named(*exact_, name);
    if (difference(ours, exact, what, slack).empty()) return {};
    const bool comparable = ours.defined() && theirs.defined() && ours.dtype() == theirs.dtype();
    if (!comparable) return problem;
    const double step = ours.dtype() == DType::BFloat16  ? 0x1p-8
                        : ours.dtype() == DType::Float16 ? 0x1p-11
                                                         : 0;
    const double allowed =
        std::max({4 * distance(theirs, exact), kRoundings * step * largest(exact),
                  what.starts_with("gradient") ? 4 * worst_gradient() * largest(exact) : 0.0});
    if (distance(ours, exact) <= allowed) return {};
    // With 16 bits a number near a kink falls on either side, and its row of gradients with it.
    const bool few = step > 0 && what.starts_with("gradient") &&
                     share_beyond(ours, exact, allowed) <= kMostFlipped;
    return few ? "" : problem;
  }

  /// How far PyTorch's gradients are from exact ones at most, in shares of the largest number:
  /// where one is ill-conditioned (a variance near 0), the others of the case may be.
  double worst_gradient() const {
    double worst = 0;
    for (const auto& [name, exact] : exact_->tensors) {
      const Tensor theirs = named(torch_, name);
      const bool of_gradient = name.starts_with("gp") || name.starts_with("gx");
      if (!of_gradient || !theirs.defined() || largest(exact) == 0) continue;
      const double share = distance(theirs, exact) / largest(exact);
      if (std::isfinite(share)) worst = std::max(worst, share);
    }
    return worst;
  }

  const BlockCase& drawn_;
  const Outcome& ours_;
  const Oracle::Reply& torch_;
  const Oracle::Reply* exact_;
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

/// What both made of it; first difference, empty: none.
std::string compare_numbers(const Comparison& comparison, bool with_gradients) {
  std::string problem = comparison.before();
  if (problem.empty()) problem = comparison.outputs();
  if (problem.empty()) problem = comparison.after();
  if (problem.empty() && with_gradients) problem = comparison.gradients();
  return problem;
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

/// A negative eps may leave next to nothing of a variance: only float64 can tell how much.
bool takes_from_variance(const BlockCase& drawn) {
  for (const char* name : {"eps", "layer_norm_eps"}) {
    const nn::Value* value = drawn.args.find(name);
    const auto* eps = value == nullptr ? nullptr : std::get_if<double>(value);
    if (eps != nullptr && *eps < 0) return drawn.dtype != DType::Float64;
  }
  return false;
}

Verdict compare_accepted(Draw& draw, Oracle& oracle, const BlockCase& drawn, const Outcome& ours,
                         GradientLayout layout) {
  const bool any_layout = layout == GradientLayout::Any && may_lay_out_gradient(drawn);
  Oracle::Inputs inputs = named_inputs(drawn);
  std::vector<std::string> names;
  std::vector<Tensor> grads;
  const bool asks_gradients = ours.outputs.empty() || !has_empty_window(drawn, ours.outputs[0]);
  for (size_t i = 0; i < ours.outputs.size() && asks_gradients; ++i) {
    const Tensor& y = ours.outputs[i];
    Tensor grad = learns(y) ? draw.numbers(y.sizes(), y.dtype()) : y.detach();
    if (learns(y) && any_layout) grad = arranged(draw, grad);
    grads.push_back(grad);
    names.push_back("g" + std::to_string(i));
    inputs.emplace_back(names.back(), grad);
  }
  const Oracle::Reply torch = oracle.run(python_of(drawn, names), inputs, {});
  if (!torch.ok()) {
    const bool of_layout = torch.error.find("Unsupported memory format") != std::string::npos;
    const bool undefined = torch.error.find("outside its memory") != std::string::npos;
    if (torch.crashed || of_layout || undefined || !drawn.is_wide()) return {.no_judge = true};
    return {.problem = "ours accepts, torch: " + torch.error};
  }
  if (has_random_bias(drawn) || takes_from_variance(drawn)) return {.no_judge = true};
  Verdict verdict{.accepted = true};
  const auto refused = torch.texts.find("backward");
  if (refused != torch.texts.end() && !refused->second.empty()) {
    verdict.problem = compare_backward_refused(drawn, ours, grads, refused->second);
  } else if (refused != torch.texts.end()) {
    backward(ours.outputs, grads);
    verdict.backward = true;
  }
  if (verdict.problem.empty()) {
    verdict.problem = compare_numbers({drawn, ours, torch}, verdict.backward);
  }
  // Where PyTorch's own rounding shows, what it gives in float64 is the better judge.
  if (!verdict.problem.empty() && drawn.dtype != DType::Float64) {
    const auto exact = oracle.run(python_of(drawn, names, Precision::Float64), inputs, {});
    if (exact.ok()) {
      verdict.problem = compare_numbers({drawn, ours, torch, &exact}, verdict.backward);
    }
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
