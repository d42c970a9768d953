#include "core/optim/adam.h"

#include "core/backend/backend.h"
#include "core/backend/creation.h"

namespace nw::optim {
namespace {

Tensor zeros_like(const Tensor& x) {
  return zeros(x.sizes(), x.dtype(), x.device());
}

}  // namespace

Adam::Adam(std::vector<Tensor> params, const Options& options)
    : Optimizer(std::move(params)), options_(options), states_(this->params().size()) {
  NW_CHECK(options.lr >= 0, "[Adam] lr must be at least 0, is ", options.lr);
  NW_CHECK(options.eps >= 0, "[Adam] eps must be at least 0, is ", options.eps);
  NW_CHECK(options.beta1 >= 0 && options.beta1 < 1, "[Adam] beta1 must be in [0, 1), is ",
           options.beta1);
  NW_CHECK(options.beta2 >= 0 && options.beta2 < 1, "[Adam] beta2 must be in [0, 1), is ",
           options.beta2);
  NW_CHECK(options.weight_decay >= 0, "[Adam] weight_decay must be at least 0, is ",
           options.weight_decay);
}

void Adam::step() {
  for (size_t i = 0; i < params().size(); ++i) {
    const Tensor& param = params()[i];
    if (!param.grad().defined()) continue;
    State& state = states_[i];
    if (state.step == 0) {
      state.exp_avg = zeros_like(param);
      state.exp_avg_sq = zeros_like(param);
      if (options_.amsgrad) state.max_exp_avg_sq = zeros_like(param);
    }
    ++state.step;
    const AdamStep step{.lr = options_.lr,
                        .beta1 = options_.beta1,
                        .beta2 = options_.beta2,
                        .eps = options_.eps,
                        .weight_decay = options_.weight_decay,
                        .amsgrad = options_.amsgrad,
                        .maximize = options_.maximize,
                        .step = state.step};
    kernels_of(param).adam(step, raw::contiguous(param.grad()), param, state.exp_avg,
                           state.exp_avg_sq, state.max_exp_avg_sq);
    param.storage()->bump_version();
  }
}

namespace {

std::unique_ptr<Optimizer> make(std::vector<Tensor> params, const nn::Args& args) {
  return std::make_unique<Adam>(std::move(params),
                                Adam::Options{.lr = args.real("lr"),
                                              .beta1 = args.real("beta1"),
                                              .beta2 = args.real("beta2"),
                                              .eps = args.real("eps"),
                                              .weight_decay = args.real("weight_decay"),
                                              .amsgrad = args.boolean("amsgrad"),
                                              .maximize = args.boolean("maximize")});
}

nn::Param beta(const char* name, double fallback, const char* help) {
  return {.name = name,
          .type = nn::ParamType::Real,
          .fallback = fallback,
          .help = help,
          .min = 0,
          .max = 1,
          .max_exclusive = true,
          .tuple = "betas"};
}

}  // namespace

OptimizerSpec adam_spec() {
  using nn::ParamType;
  OptimizerSpec spec;
  spec.id = "Adam";
  spec.icon = "adam";
  spec.torch_name = "optim.Adam";
  spec.summary = "Finds a step size of its own for each weight.";
  spec.formula = "m = β₁m + (1−β₁)g,  v = β₂v + (1−β₂)g²,  p = p − lr·m̂/(√v̂ + ε)";
  spec.when_to_use = "The first choice: it learns well with its defaults on most networks.";
  spec.reference = "https://arxiv.org/abs/1412.6980";
  spec.params = {
      {.name = "lr",
       .type = ParamType::Real,
       .fallback = 1e-3,
       .help = "The learning rate: about how far one weight moves in a step.",
       .min = 0},
      beta("beta1", 0.9, "How long the mean of the gradient remembers."),
      beta("beta2", 0.999, "How long the mean of the squared gradient remembers."),
      {.name = "eps",
       .type = ParamType::Real,
       .fallback = 1e-8,
       .help = "Added to the divisor, so that it is never 0.",
       .min = 0},
      {.name = "weight_decay",
       .type = ParamType::Real,
       .fallback = 0.0,
       .help = "Pulls weights towards 0 against overfitting.",
       .min = 0},
      {.name = "amsgrad",
       .type = ParamType::Bool,
       .fallback = false,
       .help = "Divides by the largest mean square so far, so that steps never grow."},
      {.name = "maximize",
       .type = ParamType::Bool,
       .fallback = false,
       .help = "Goes up the slope and not down.",
       .keyword_only = true},
  };
  spec.make = make;
  return spec;
}

}  // namespace nw::optim
