#include "tests/support/block_comparison.h"

#include <algorithm>
#include <limits>

#include "core/backend/creation.h"
#include "tests/support/compare.h"

namespace nw::test {
namespace {

std::string text_difference(const std::string& ours, const std::string& theirs, const char* what) {
  return ours == theirs ? std::string() : concat(what, ": ours ", ours, " torch's ", theirs);
}

class Comparer {
 public:
  Comparer(const Comparison& comparison, const Spread& spread)
      : drawn_(comparison.drawn),
        ours_(comparison.ours),
        torch_(comparison.torch),
        spread_(spread) {}

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
    std::string problem;
    const auto params = ours_.module->named_parameters();
    for (size_t i = 0; i < params.size() && problem.empty(); ++i) {
      problem = numbers(params[i].second.grad(), "gp" + std::to_string(i),
                        "gradient of " + params[i].first);
    }
    for (size_t i = 0; i < drawn_.inputs.size() && problem.empty(); ++i) {
      const Tensor& x = drawn_.inputs[i];
      if (!x.defined() || !x.requires_grad()) continue;
      problem = numbers(x.grad(), "gx" + std::to_string(i), concat("gradient of input ", i));
    }
    return problem;
  }

 private:
  std::string key(size_t i) const { return ours_.module->state_dict().entries[i].key; }

  /// Like PyTorch's tensor, or like the exact one, or no farther from that than rounding explains.
  std::string numbers(const Tensor& ours, const std::string& name, const std::string& what) const {
    const auto it = torch_.tensors.find(name);
    const Tensor theirs = it == torch_.tensors.end() ? Tensor() : it->second;
    std::string problem = difference(ours, theirs, what);
    const Tensor* exact = spread_.exact(name);
    const bool comparable =
        exact != nullptr && ours.defined() && theirs.defined() && ours.dtype() == theirs.dtype();
    if (problem.empty() || !comparable) return problem;
    if (difference(ours, *exact, what).empty() || spread_.explains(name, ours)) return {};
    return problem;
  }

  const BlockCase& drawn_;
  const Outcome& ours_;
  const Oracle::Reply& torch_;
  const Spread& spread_;
};

}  // namespace

bool has_empty_window(const BlockCase& drawn, const Tensor& y) {
  if (!drawn.args.has("dilation") || !is_floating(y.dtype())) return false;
  const Tensor dense = raw::contiguous(raw::to(y, DType::Float64));
  const double* values = dense.data<double>();
  return std::any_of(values, values + dense.numel(), [](double value) {
    return value == -std::numeric_limits<double>::infinity();
  });
}

std::string difference(const Comparison& comparison, const Spread& spread) {
  const Comparer comparer(comparison, spread);
  std::string problem = comparer.before();
  if (problem.empty()) problem = comparer.outputs();
  if (problem.empty()) problem = comparer.after();
  if (problem.empty() && comparison.with_gradients) problem = comparer.gradients();
  return problem;
}

}  // namespace nw::test
