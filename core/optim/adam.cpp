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
        amsgrad(args.boolean("amsgrad")),
        maximize(args.boolean("maximize")) {}

  double lr, beta1, beta2, eps, weight_decay;
  bool amsgrad, maximize;
};

/// What Adam and AdamW share: a step of its own size for each number, from running means of the
/// gradient and of its square. m = β₁m + (1 − β₁)g; v = β₂v + (1 − β₂)g²; p −= lr/(1 − β₁ᵗ) · m /
/// (√v/√(1 − β₂ᵗ) + ε); amsgrad takes the largest v so far.
class AdamBase : public GroupedOptimizer<Options> {
 protected:
  using GroupedOptimizer::GroupedOptimizer;

  std::span<const Slot> layout() const final {
    static constexpr Slot kAll[] = {{"step", Kept::Number},
                                    {"exp_avg", Kept::Tensor},
                                    {"exp_avg_sq", Kept::Tensor},
                                    {"max_exp_avg_sq", Kept::Tensor}};
    return kAll;
  }
  AdamStep adam_step(const Options& o, const Tensor& param, State& state) {
    for (size_t i = 1; i < (o.amsgrad ? 4 : 3); ++i) {
      if (!state.tensors[i].defined()) state.tensors[i] = zeros_as(param);
    }
    state.numbers[0] += 1;
    return {.lr = o.lr,
            .beta1 = o.beta1,
            .beta2 = o.beta2,
            .eps = o.eps,
            .weight_decay = o.weight_decay,
            .amsgrad = o.amsgrad,
            .maximize = o.maximize,
            .step = static_cast<int64_t>(state.numbers[0])};
  }
};

/// The decay joins the gradient: g += wd·p. Source: torch.optim.Adam; Kingma & Ba 2015.
class Adam final : public AdamBase {
 public:
  static constexpr std::string_view kId = "Adam";
  using AdamBase::AdamBase;

 private:
  StepRule next_rule(size_t group, const Tensor& param, State& state) override {
    return adam_step(read(group), param, state);
  }
};

/// The decay is a step of its own: p −= lr·wd·p first.
/// Source: torch.optim.AdamW; Loshchilov & Hutter 2019.
class AdamW final : public AdamBase {
 public:
  static constexpr std::string_view kId = "AdamW";
  using AdamBase::AdamBase;

 private:
  StepRule next_rule(size_t group, const Tensor& param, State& state) override {
    const Options& o = read(group);
    AdamStep step = adam_step(o, param, state);
    step.weight_decay = 0;
    step.shrink = 1 - o.lr * o.weight_decay;
    return step;
  }
};

struct MaxOptions {
  explicit MaxOptions(const nn::Args& args)
      : lr(args.real("lr")),
        beta1(args.real("beta1")),
        beta2(args.real("beta2")),
        eps(args.real("eps")),
        weight_decay(args.real("weight_decay")),
        maximize(args.boolean("maximize")) {}

  double lr, beta1, beta2, eps, weight_decay;
  bool maximize;
};

/// Adam with the largest gradient in place of the mean square: u = max(β₂u, |g| + ε);
/// p −= lr/(1 − β₁ᵗ) · m/u. Source: torch.optim.Adamax; Kingma & Ba 2015.
class Adamax final : public GroupedOptimizer<MaxOptions> {
 public:
  static constexpr std::string_view kId = "Adamax";
  using GroupedOptimizer::GroupedOptimizer;

 private:
  std::span<const Slot> layout() const override {
    static constexpr Slot kAll[] = {
        {"step", Kept::Number}, {"exp_avg", Kept::Tensor}, {"exp_inf", Kept::Tensor}};
    return kAll;
  }
  StepRule next_rule(size_t group, const Tensor& param, State& state) override {
    const MaxOptions& o = read(group);
    for (const size_t i : {1, 2}) {
      if (!state.tensors[i].defined()) state.tensors[i] = zeros_as(param);
    }
    state.numbers[0] += 1;
    return AdamaxStep{.lr = o.lr,
                      .beta1 = o.beta1,
                      .beta2 = o.beta2,
                      .eps = o.eps,
                      .weight_decay = o.weight_decay,
                      .maximize = o.maximize,
                      .step = static_cast<int64_t>(state.numbers[0])};
  }
};

nn::Param amsgrad_param() {
  return flag_param("amsgrad",
                    "Divides by the largest mean square so far, so that steps never grow.");
}

}  // namespace

OptimizerSpec adam_spec() {
  OptimizerSpec spec;
  spec.id = Adam::kId;
  spec.icon = "adam";
  spec.torch_name = "optim.Adam";
  spec.summary = "Finds a step size of its own for each weight.";
  spec.formula = "m = β₁m + (1−β₁)g,  v = β₂v + (1−β₂)g²,  p = p − lr·m̂/(√v̂ + ε)";
  spec.when_to_use = "The first choice: it learns well with its defaults on most networks.";
  spec.reference = "https://arxiv.org/abs/1412.6980";
  nn::Param lr = lr_param(1e-3);
  lr.help = "The learning rate: about how far one weight moves in a step.";
  spec.params = {lr,
                 beta1_param(),
                 beta2_param(),
                 eps_param(1e-8),
                 weight_decay_param(),
                 amsgrad_param(),
                 maximize_param()};
  spec.make = make_of<Adam>;
  return spec;
}

OptimizerSpec adamw_spec() {
  OptimizerSpec spec = adam_spec();
  spec.id = AdamW::kId;
  spec.torch_name = "optim.AdamW";
  spec.summary = "Adam whose weight decay is a step of its own.";
  spec.formula = "p = p − lr·λ·p,  then as Adam without decay";
  spec.when_to_use = "For transformers, and wherever Adam is to work with weight decay.";
  spec.reference = "https://arxiv.org/abs/1711.05101";
  for (nn::Param& param : spec.params) {
    if (param.name == "weight_decay") param.fallback = 1e-2;
  }
  spec.make = make_of<AdamW>;
  return spec;
}

OptimizerSpec adamax_spec() {
  OptimizerSpec spec;
  spec.id = Adamax::kId;
  spec.icon = "adam";
  spec.torch_name = "optim.Adamax";
  spec.summary = "Adam that divides by the largest gradient in place of the mean square.";
  spec.formula = "u = max(β₂u, |g| + ε),  p = p − lr/(1 − β₁ᵗ)·m/u";
  spec.when_to_use = "When a few gradients are much larger than the others, as with embeddings.";
  spec.reference = "https://arxiv.org/abs/1412.6980";
  spec.params = {lr_param(2e-3),  beta1_param(),        beta2_param(),
                 eps_param(1e-8), weight_decay_param(), maximize_param()};
  spec.make = make_of<Adamax>;
  return spec;
}

}  // namespace nw::optim
