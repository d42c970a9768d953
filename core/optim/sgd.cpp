#include "core/optim/group_options.h"

namespace nw::optim {
namespace {

struct Options {
  explicit Options(const nn::Args& args)
      : lr(args.real("lr")),
        momentum(args.real("momentum")),
        dampening(args.real("dampening")),
        weight_decay(args.real("weight_decay")),
        nesterov(args.boolean("nesterov")),
        maximize(args.boolean("maximize")) {}

  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize;
};

/// Stochastic gradient descent. g += wd·p; first b = g, then b = μ·b + (1 − τ)·g; p −= lr·b, with
/// nesterov lr·(g + μ·b). Source: torch.optim.SGD.
class SGD final : public GroupedOptimizer<Options> {
 public:
  static constexpr std::string_view kId = "SGD";
  using GroupedOptimizer::GroupedOptimizer;

 private:
  std::span<const Slot> layout() const override {
    static constexpr Slot kAll[] = {{"momentum_buffer", Kept::Tensor}};
    return kAll;
  }
  StepRule next_rule(size_t group, const Tensor& param, State& state) override {
    const Options& o = read(group);
    Tensor& buffer = state.tensors[0];
    const bool first = !buffer.defined();
    if (first && o.momentum != 0) buffer = zeros_as(param);
    return SgdStep{.lr = o.lr,
                   .momentum = o.momentum,
                   .dampening = o.dampening,
                   .weight_decay = o.weight_decay,
                   .nesterov = o.nesterov,
                   .maximize = o.maximize,
                   .first = first};
  }
};

bool nesterov_fits(const nn::Args& args) {
  return !args.boolean("nesterov") || (args.real("momentum") > 0 && args.real("dampening") == 0);
}

}  // namespace

OptimizerSpec sgd_spec() {
  OptimizerSpec spec;
  spec.id = SGD::kId;
  spec.icon = "sgd";
  spec.torch_name = "optim.SGD";
  spec.summary = "Goes a step down the slope; with momentum it keeps some of its speed.";
  spec.formula = "b = μ·b + (1 − τ)·(g + λ·p),  p = p − lr·b";
  spec.when_to_use = "With momentum 0.9 for image networks; simple, and its steps can be followed.";
  spec.reference = "https://pytorch.org/docs/stable/generated/torch.optim.SGD.html";
  nn::Param lr = lr_param(0.01);
  lr.help = "The learning rate: how far a step goes.";
  lr.required = true;
  nn::Param dampening =
      real_param("dampening", 0, "How much less of the new gradient goes into the momentum.");
  dampening.min.reset();
  nn::Param decay = weight_decay_param();
  decay.help = "Pulls weights towards 0: 0.0001 to 0.001 against overfitting.";
  spec.params = {
      lr,
      real_param("momentum", 0, "How much of the last step goes into the next; 0.9 is usual."),
      dampening,
      decay,
      flag_param("nesterov",
                 "Looks ahead along the momentum; needs momentum above 0 and dampening 0."),
      maximize_param(),
  };
  spec.constraints = {{"nesterov needs a momentum above 0 and a dampening of 0", nesterov_fits}};
  spec.make = make_of<SGD>;
  return spec;
}

}  // namespace nw::optim
