#include <cmath>

#include "core/optim/group_options.h"

namespace nw::optim {
namespace {

struct Options {
  explicit Options(const nn::Args& args)
      : lr(args.real("lr")),
        beta1(args.real("beta1")),
        beta2(args.real("beta2")),
        eps(args.real("eps")),
        weight_decay(args.real("weight_decay")),
        momentum_decay(args.has("momentum_decay") ? args.real("momentum_decay") : 0) {}

  double lr, beta1, beta2, eps, weight_decay, momentum_decay;
};

/// Adam with Nesterov's look ahead: μₜ = β₁(1 − ½·0.96^(t·ψ)); p −= lr·((1 − μₜ)/(1 − Πμ)·g +
/// μₜ₊₁/(1 − μₜ₊₁Πμ)·m)/(√v̂ + ε). Source: torch.optim.NAdam; Dozat 2016.
class NAdam final : public GroupedOptimizer<Options> {
 public:
  static constexpr std::string_view kId = "NAdam";
  using GroupedOptimizer::GroupedOptimizer;

 private:
  std::span<const Slot> layout() const override {
    static constexpr Slot kAll[] = {{"step", Kept::Number},
                                    {"mu_product", Kept::Number},
                                    {"exp_avg", Kept::Tensor},
                                    {"exp_avg_sq", Kept::Tensor}};
    return kAll;
  }
  StepRule next_rule(size_t group, const Tensor& param, State& state) override {
    const Options& o = read(group);
    if (!state.started) {
      state.numbers[1] = 1;
      state.tensors[2] = zeros_as(param);
      state.tensors[3] = zeros_as(param);
    }
    const double step = state.numbers[0] += 1;
    const auto momentum = [&](double at) {
      return o.beta1 * (1 - 0.5 * std::pow(0.96, at * o.momentum_decay));
    };
    const double now = momentum(step);
    const double next = momentum(step + 1);
    // torch keeps the product as a float32 number and its steps depend on the rounding.
    const float product = static_cast<float>(state.numbers[1]) * static_cast<float>(now);
    const float product_next = product * static_cast<float>(now) * static_cast<float>(next);
    state.numbers[1] = static_cast<double>(product);
    return NAdamStep{
        .beta1 = o.beta1,
        .beta2 = o.beta2,
        .eps = o.eps,
        .weight_decay = o.weight_decay,
        .grad_rate = o.lr * (1 - now) / (1 - static_cast<double>(product)),
        .mean_rate = o.lr * next / (1 - static_cast<double>(product_next)),
        .correction = 1 - std::pow(o.beta2, step),
    };
  }
};

/// Adam that waits with its divisor until enough gradients were seen to trust it.
/// Source: torch.optim.RAdam; Liu et al. 2020.
class RAdam final : public GroupedOptimizer<Options> {
 public:
  static constexpr std::string_view kId = "RAdam";
  using GroupedOptimizer::GroupedOptimizer;

 private:
  std::span<const Slot> layout() const override {
    static constexpr Slot kAll[] = {
        {"step", Kept::Number}, {"exp_avg", Kept::Tensor}, {"exp_avg_sq", Kept::Tensor}};
    return kAll;
  }
  StepRule next_rule(size_t group, const Tensor& param, State& state) override {
    const Options& o = read(group);
    if (!state.started) {
      state.tensors[1] = zeros_as(param);
      state.tensors[2] = zeros_as(param);
    }
    const double step = state.numbers[0] += 1;
    const double correction1 = 1 - std::pow(o.beta1, step);
    const double correction2 = 1 - std::pow(o.beta2, step);
    const double longest = 2 / (1 - o.beta2) - 1;
    const double length = longest - 2 * step * std::pow(o.beta2, step) / correction2;
    RAdamStep out{.beta1 = o.beta1,
                  .beta2 = o.beta2,
                  .eps = o.eps,
                  .weight_decay = o.weight_decay,
                  .rate = o.lr / correction1,
                  .rectified = length > 5};
    if (out.rectified) {
      const double share =
          (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length);
      out.rate *= std::sqrt(correction2) * std::sqrt(share);
    }
    return out;
  }
};

}  // namespace

OptimizerSpec nadam_spec() {
  OptimizerSpec spec;
  spec.id = NAdam::kId;
  spec.icon = "adam";
  spec.torch_name = "optim.NAdam";
  spec.summary = "Adam that looks ahead along its momentum.";
  spec.formula = "p = p − lr·((1 − μₜ)·ĝ + μₜ₊₁·m̂)/(√v̂ + ε)";
  spec.when_to_use = "Where Adam works but a little more speed is wanted.";
  spec.reference = "https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ";
  spec.params = {
      lr_param(2e-3),
      beta1_param(),
      beta2_param(),
      eps_param(1e-8),
      weight_decay_param(),
      real_param("momentum_decay", 4e-3, "How fast the momentum gets to its full size.")};
  spec.make = make_of<NAdam>;
  return spec;
}

OptimizerSpec radam_spec() {
  OptimizerSpec spec;
  spec.id = RAdam::kId;
  spec.icon = "adam";
  spec.torch_name = "optim.RAdam";
  spec.summary = "Adam that is careful in its first steps: no warm-up is needed.";
  spec.formula = "p = p − lr·r·m̂/(√v̂ + ε),  without the divisor while v̂ is uncertain";
  spec.when_to_use = "When Adam diverges at the start and a warm-up would help.";
  spec.reference = "https://arxiv.org/abs/1908.03265";
  spec.params = {lr_param(1e-3), beta1_param(), beta2_param(), eps_param(1e-8),
                 weight_decay_param()};
  spec.make = make_of<RAdam>;
  return spec;
}

}  // namespace nw::optim
