#include "core/optim/sgd.h"

#include "core/backend/backend.h"
#include "core/backend/creation.h"

namespace nw::optim {

SGD::SGD(std::vector<Tensor> params, const Options& options)
    : Optimizer(std::move(params)), options_(options), buffers_(this->params().size()) {
  NW_CHECK(options.lr >= 0, "[SGD] lr must be at least 0, is ", options.lr);
  NW_CHECK(options.momentum >= 0, "[SGD] momentum must be at least 0, is ", options.momentum);
  NW_CHECK(options.weight_decay >= 0, "[SGD] weight_decay must be at least 0, is ",
           options.weight_decay);
  NW_CHECK(!options.nesterov || (options.momentum > 0 && options.dampening == 0),
           "[SGD] nesterov needs a momentum above 0 and a dampening of 0");
}

void SGD::step() {
  for (size_t i = 0; i < params().size(); ++i) {
    const Tensor& param = params()[i];
    if (!param.grad().defined()) continue;
    const bool first = !buffers_[i].defined();
    if (first && options_.momentum != 0) buffers_[i] = empty_like(param);
    const SgdStep step{.lr = options_.lr,
                       .momentum = options_.momentum,
                       .dampening = options_.dampening,
                       .weight_decay = options_.weight_decay,
                       .nesterov = options_.nesterov,
                       .maximize = options_.maximize,
                       .first = first};
    kernels_of(param).sgd(step, raw::contiguous(param.grad()), param, buffers_[i]);
    param.storage()->bump_version();
  }
}

namespace {

std::unique_ptr<Optimizer> make(std::vector<Tensor> params, const nn::Args& args) {
  return std::make_unique<SGD>(std::move(params),
                               SGD::Options{.lr = args.real("lr"),
                                            .momentum = args.real("momentum"),
                                            .dampening = args.real("dampening"),
                                            .weight_decay = args.real("weight_decay"),
                                            .nesterov = args.boolean("nesterov"),
                                            .maximize = args.boolean("maximize")});
}

bool nesterov_fits(const nn::Args& args) {
  return !args.boolean("nesterov") || (args.real("momentum") > 0 && args.real("dampening") == 0);
}

}  // namespace

OptimizerSpec sgd_spec() {
  using nn::ParamType;
  OptimizerSpec spec;
  spec.id = "SGD";
  spec.icon = "sgd";
  spec.torch_name = "optim.SGD";
  spec.summary = "Goes a step down the slope; with momentum it keeps some of its speed.";
  spec.formula = "b = μ·b + (1 − τ)·(g + λ·p),  p = p − lr·b";
  spec.when_to_use = "With momentum 0.9 for image networks; simple, and its steps can be followed.";
  spec.reference = "https://pytorch.org/docs/stable/generated/torch.optim.SGD.html";
  spec.params = {
      {.name = "lr",
       .type = ParamType::Real,
       .fallback = 0.01,
       .help = "The learning rate: how far a step goes.",
       .min = 0,
       .required = true},
      {.name = "momentum",
       .type = ParamType::Real,
       .fallback = 0.0,
       .help = "How much of the last step goes into the next; 0.9 is usual.",
       .min = 0},
      {.name = "dampening",
       .type = ParamType::Real,
       .fallback = 0.0,
       .help = "How much less of the new gradient goes into the momentum."},
      {.name = "weight_decay",
       .type = ParamType::Real,
       .fallback = 0.0,
       .help = "Pulls weights towards 0: 0.0001 to 0.001 against overfitting.",
       .min = 0},
      {.name = "nesterov",
       .type = ParamType::Bool,
       .fallback = false,
       .help = "Looks ahead along the momentum; needs momentum above 0 and dampening 0."},
      {.name = "maximize",
       .type = ParamType::Bool,
       .fallback = false,
       .help = "Goes up the slope and not down.",
       .keyword_only = true},
  };
  spec.constraints = {{"nesterov needs a momentum above 0 and a dampening of 0", nesterov_fits}};
  spec.make = make;
  return spec;
}

}  // namespace nw::optim
