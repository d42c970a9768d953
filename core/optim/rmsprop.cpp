#include "core/optim/group_options.h"

namespace nw::optim {
namespace {

struct Options {
  explicit Options(const nn::Args& args)
      : lr(args.real("lr")),
        alpha(args.real("alpha")),
        eps(args.real("eps")),
        weight_decay(args.real("weight_decay")),
        momentum(args.real("momentum")),
        centered(args.boolean("centered")),
        maximize(args.boolean("maximize")) {}

  double lr, alpha, eps, weight_decay, momentum;
  bool centered, maximize;
};

/// Divides by a running mean of the square: v = αv + (1 − α)g²; p −= lr·g/(√v + ε), with momentum
/// b = μb + g/(√v + ε); p −= lr·b; centered takes v − (mean of g)². Source: torch.optim.RMSprop.
class RMSprop final : public GroupedOptimizer<Options> {
 public:
  static constexpr std::string_view kId = "RMSprop";
  using GroupedOptimizer::GroupedOptimizer;

 private:
  std::span<const Slot> layout() const override {
    static constexpr Slot kAll[] = {{"step", Kept::Count},
                                    {"square_avg", Kept::Tensor},
                                    {"momentum_buffer", Kept::Tensor},
                                    {"grad_avg", Kept::Tensor}};
    return kAll;
  }
  StepRule next_rule(size_t group, const Tensor& param, State& state) override {
    const Options& o = read(group);
    auto& [step, square, buffer, mean] = state.tensors;
    if (!square.defined()) square = zeros_as(param);
    if (o.momentum > 0 && !buffer.defined()) buffer = zeros_as(param);
    if (o.centered && !mean.defined()) mean = zeros_as(param);
    state.numbers[0] += 1;
    return RMSpropStep{.lr = o.lr,
                       .alpha = o.alpha,
                       .eps = o.eps,
                       .weight_decay = o.weight_decay,
                       .momentum = o.momentum,
                       .centered = o.centered,
                       .maximize = o.maximize};
  }
};

}  // namespace

OptimizerSpec rmsprop_spec() {
  OptimizerSpec spec;
  spec.id = RMSprop::kId;
  spec.icon = "optimizer";
  spec.torch_name = "optim.RMSprop";
  spec.summary = "Divides each step by how large its gradients have been of late.";
  spec.formula = "v = α·v + (1 − α)·g²,  p = p − lr·g/(√v + ε)";
  spec.when_to_use = "For recurrent networks and reinforcement learning.";
  spec.reference = "https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf";
  nn::Param maximize = maximize_param();
  spec.params = {
      lr_param(1e-2),
      real_param("alpha", 0.99, "How long the mean of the squared gradient remembers."),
      eps_param(1e-8),
      weight_decay_param(),
      real_param("momentum", 0, "How much of the last step goes into the next."),
      flag_param("centered", "Divides by the spread of the gradients around their mean."),
      maximize,
  };
  spec.make = make_of<RMSprop>;
  return spec;
}

}  // namespace nw::optim
