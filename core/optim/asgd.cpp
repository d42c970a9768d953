#include <algorithm>
#include <cmath>

#include "core/optim/group_options.h"

namespace nw::optim {
namespace {

struct Options {
  explicit Options(const nn::Args& args)
      : lr(args.real("lr")),
        lambd(args.real("lambd")),
        alpha(args.real("alpha")),
        t0(args.real("t0")),
        weight_decay(args.real("weight_decay")),
        maximize(args.boolean("maximize")) {}

  double lr, lambd, alpha, t0, weight_decay;
  bool maximize;
};

/// Averaged descent: p = p·(1 − λη) − η·g, where η = lr/(1 + λ·lr·t)^α; from step t0 on `ax` is the
/// mean of the parameters. Source: torch.optim.ASGD; Polyak & Juditsky 1992.
class ASGD final : public GroupedOptimizer<Options> {
 public:
  static constexpr std::string_view kId = "ASGD";
  using GroupedOptimizer::GroupedOptimizer;

 private:
  std::span<const Slot> layout() const override {
    static constexpr Slot kAll[] = {
        {"step", Kept::Number}, {"eta", Kept::Number}, {"mu", Kept::Number}, {"ax", Kept::Tensor}};
    return kAll;
  }
  StepRule next_rule(size_t group, const Tensor& param, State& state) override {
    const Options& o = read(group);
    double& eta = state.numbers[1];
    double& mu = state.numbers[2];
    if (!state.started) {
      eta = rounded(o.lr);
      mu = 1;
      state.tensors[3] = zeros_as(param);
    }
    const double step = state.numbers[0] += 1;
    const AsgdStep out{.rate = eta,
                       .shrink = 1 - o.lambd * eta,
                       .mu = mu,
                       .weight_decay = o.weight_decay,
                       .maximize = o.maximize};
    eta = rounded(o.lr / std::pow(1 + o.lambd * o.lr * step, o.alpha));
    mu = rounded(1 / std::max(1.0, step - o.t0));
    return out;
  }
  /// torch keeps these as float32 numbers, and its steps depend on the rounding.
  static double rounded(double value) { return static_cast<double>(static_cast<float>(value)); }
};

}  // namespace

OptimizerSpec asgd_spec() {
  OptimizerSpec spec;
  spec.id = ASGD::kId;
  spec.icon = "sgd";
  spec.torch_name = "optim.ASGD";
  spec.summary = "Goes down the slope with ever smaller steps, and averages where it went.";
  spec.formula = "p = p·(1 − λη) − η·g,  η = lr/(1 + λ·lr·t)^α";
  spec.when_to_use = "For convex problems and noisy gradients.";
  spec.reference = "https://pytorch.org/docs/stable/generated/torch.optim.ASGD.html";
  nn::Param lambd = real_param("lambd", 1e-4, "Pulls weights towards 0.");
  nn::Param alpha = real_param("alpha", 0.75, "How fast the steps get smaller.");
  nn::Param t0 = real_param("t0", 1e6, "The step from which on it averages.");
  spec.params = {lr_param(1e-2), lambd, alpha, t0, weight_decay_param(), maximize_param()};
  spec.make = make_of<ASGD>;
  return spec;
}

}  // namespace nw::optim
