#include "core/backend/creation.h"
#include "core/optim/group_options.h"

namespace nw::optim {
namespace {

struct GradOptions {
  explicit GradOptions(const nn::Args& args)
      : lr(args.real("lr")),
        lr_decay(args.real("lr_decay")),
        weight_decay(args.real("weight_decay")),
        initial(args.real("initial_accumulator_value")),
        eps(args.real("eps")),
        maximize(args.boolean("maximize")) {}

  double lr, lr_decay, weight_decay, initial, eps;
  bool maximize;
};

/// Divides by all gradients so far: s += g²; p −= lr/(1 + (t − 1)·lr_decay) · g/(√s + ε).
/// Source: torch.optim.Adagrad; Duchi, Hazan & Singer 2011.
class Adagrad final : public GroupedOptimizer<GradOptions> {
 public:
  static constexpr std::string_view kId = "Adagrad";
  using GroupedOptimizer::GroupedOptimizer;

 private:
  std::span<const Slot> layout() const override {
    static constexpr Slot kAll[] = {{"step", Kept::Number}, {"sum", Kept::Tensor}};
    return kAll;
  }
  void prepare(size_t group, const Tensor& param, State& state) override {
    state.started = true;
    state.tensors[1] = zeros_as(real_view(memory_of(param)));
    raw::fill_(state.tensors[1], read(group).initial);
  }
  StepRule next_rule(size_t group, const Tensor&, State& state) override {
    const GradOptions& o = read(group);
    const double step = state.numbers[0] += 1;
    return AdagradStep{.rate = o.lr / (1 + (step - 1) * o.lr_decay),
                       .eps = o.eps,
                       .weight_decay = o.weight_decay,
                       .maximize = o.maximize};
  }
};

struct DeltaOptions {
  explicit DeltaOptions(const nn::Args& args)
      : lr(args.real("lr")),
        rho(args.real("rho")),
        eps(args.real("eps")),
        weight_decay(args.real("weight_decay")),
        maximize(args.boolean("maximize")) {}

  double lr, rho, eps, weight_decay;
  bool maximize;
};

/// Steps as large as the last ones were, turned to the new slope: v = ρv + (1 − ρ)g²;
/// d = √(u + ε)/√(v + ε)·g; u = ρu + (1 − ρ)d²; p −= lr·d.
/// Source: torch.optim.Adadelta; Zeiler 2012.
class Adadelta final : public GroupedOptimizer<DeltaOptions> {
 public:
  static constexpr std::string_view kId = "Adadelta";
  using GroupedOptimizer::GroupedOptimizer;

 private:
  std::span<const Slot> layout() const override {
    static constexpr Slot kAll[] = {
        {"step", Kept::Count}, {"square_avg", Kept::Tensor}, {"acc_delta", Kept::Tensor}};
    return kAll;
  }
  StepRule next_rule(size_t group, const Tensor& param, State& state) override {
    const DeltaOptions& o = read(group);
    for (const size_t i : {1, 2}) {
      if (!state.tensors[i].defined()) state.tensors[i] = zeros_as(param);
    }
    state.numbers[0] += 1;
    return AdadeltaStep{.lr = o.lr,
                        .rho = o.rho,
                        .eps = o.eps,
                        .weight_decay = o.weight_decay,
                        .maximize = o.maximize};
  }
};

}  // namespace

OptimizerSpec adagrad_spec() {
  OptimizerSpec spec;
  spec.id = Adagrad::kId;
  spec.icon = "optimizer";
  spec.torch_name = "optim.Adagrad";
  spec.summary = "Goes slower along what has changed much already.";
  spec.formula = "s = s + g²,  p = p − lr·g/(√s + ε)";
  spec.when_to_use = "For sparse features, such as rare words: seldom used weights learn faster.";
  spec.reference = "https://jmlr.org/papers/v12/duchi11a.html";
  spec.params = {
      lr_param(1e-2),
      real_param("lr_decay", 0, "How fast the learning rate falls with the steps."),
      weight_decay_param(),
      real_param("initial_accumulator_value", 0, "What the sum of squares starts from."),
      eps_param(1e-10),
      maximize_param(),
  };
  spec.make = make_of<Adagrad>;
  return spec;
}

OptimizerSpec adadelta_spec() {
  OptimizerSpec spec;
  spec.id = Adadelta::kId;
  spec.icon = "optimizer";
  spec.torch_name = "optim.Adadelta";
  spec.summary = "Needs no learning rate: it goes as far as the last steps did.";
  spec.formula = "d = √(u + ε)/√(v + ε)·g,  p = p − lr·d";
  spec.when_to_use = "When there is no time to look for a learning rate; slow at first.";
  spec.reference = "https://arxiv.org/abs/1212.5701";
  nn::Param rho = real_param("rho", 0.9, "How long the means remember.");
  rho.max = 1;
  spec.params = {lr_param(1.0), rho, eps_param(1e-6), weight_decay_param(), maximize_param()};
  spec.make = make_of<Adadelta>;
  return spec;
}

}  // namespace nw::optim
