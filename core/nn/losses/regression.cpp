#include "core/nn/losses/regression.h"

namespace nw::nn {

Tensors L1Loss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 2);
  return {ops::l1_loss(inputs[0], inputs[1], reduction())};
}

Tensors SmoothL1Loss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 2);
  return {ops::smooth_l1_loss(inputs[0], inputs[1], beta_, reduction())};
}

Tensors HuberLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 2);
  return {ops::huber_loss(inputs[0], inputs[1], delta_, reduction())};
}

Tensors GaussianNLLLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 3);
  return {ops::gaussian_nll_loss(inputs[0], inputs[1], inputs[2], options_, reduction())};
}

Tensors PoissonNLLLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 2);
  return {ops::poisson_nll_loss(inputs[0], inputs[1], options_, reduction())};
}

namespace {

std::unique_ptr<Module> make_l1(const Args& args) {
  return std::make_unique<L1Loss>(L1Loss::Options{.reduction = args.text("reduction")});
}

std::unique_ptr<Module> make_smooth_l1(const Args& args) {
  return std::make_unique<SmoothL1Loss>(
      SmoothL1Loss::Options{.reduction = args.text("reduction"), .beta = args.real("beta")});
}

std::unique_ptr<Module> make_huber(const Args& args) {
  return std::make_unique<HuberLoss>(
      HuberLoss::Options{.reduction = args.text("reduction"), .delta = args.real("delta")});
}

std::unique_ptr<Module> make_gaussian(const Args& args) {
  return std::make_unique<GaussianNLLLoss>(GaussianNLLLoss::Options{
      .full = args.boolean("full"), .eps = args.real("eps"), .reduction = args.text("reduction")});
}

std::unique_ptr<Module> make_poisson(const Args& args) {
  return std::make_unique<PoissonNLLLoss>(
      PoissonNLLLoss::Options{.log_input = args.boolean("log_input"),
                              .full = args.boolean("full"),
                              .eps = args.real("eps"),
                              .reduction = args.text("reduction")});
}

std::string smooth_l1_caption(const Args& args) {
  return concat("β ", args.real("beta"));
}

std::string huber_caption(const Args& args) {
  return concat("δ ", args.real("delta"));
}

}  // namespace

Block l1_loss_block() {
  Block block = loss_block();
  block.common = true;
  block.synonyms = "regression, mean absolute error, MAE";
  block.id = "L1Loss";
  block.torch_name = "nn.L1Loss";
  block.summary = "Punishes the distance from the target.";
  block.formula = "L = mean |x − t|";
  block.when_to_use =
      "For regression with outliers: a miss twice as large costs twice as much, not four times.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.L1Loss.html";
  block.params = {reduction_param()};
  block.make = make_l1;
  return block;
}

Block smooth_l1_loss_block() {
  Block block = loss_block();
  block.id = "SmoothL1Loss";
  block.torch_name = "nn.SmoothL1Loss";
  block.summary = "Punishes small misses by their square and large ones by their size.";
  block.formula = "z = |x − t|;  L = mean z²/(2β) where z < β, else z − β/2";
  block.when_to_use =
      "For regression where outliers must not pull too hard, such as the corners of boxes.";
  block.reference = "https://arxiv.org/abs/1504.08083";
  block.params = {reduction_param(),
                  {.name = "beta",
                   .type = ParamType::Real,
                   .fallback = 1.0,
                   .help = "Up to which miss the square counts; 0 makes it the L1Loss.",
                   .min = 0,
                   .keyword_only = true}};
  block.make = make_smooth_l1;
  block.caption = smooth_l1_caption;
  return block;
}

Block huber_loss_block() {
  Block block = loss_block();
  block.id = "HuberLoss";
  block.torch_name = "nn.HuberLoss";
  block.summary = "Punishes small misses by their square and large ones by δ times their size.";
  block.formula = "z = |x − t|;  L = mean z²/2 where z ≤ δ, else δ·(z − δ/2)";
  block.when_to_use =
      "For regression with outliers: the squared error where it is small, robust where it is "
      "large.";
  block.reference = "https://doi.org/10.1214/aoms/1177703732";
  Param reduction = reduction_param();
  reduction.keyword_only = false;
  block.params = {reduction,
                  {.name = "delta",
                   .type = ParamType::Real,
                   .fallback = 1.0,
                   .help = "Up to which miss the square counts.",
                   .min = 0,
                   .min_exclusive = true}};
  block.make = make_huber;
  block.caption = huber_caption;
  return block;
}

Block gaussian_nll_loss_block() {
  Block block = loss_block();
  block.id = "GaussianNLLLoss";
  block.torch_name = "nn.GaussianNLLLoss";
  block.summary = "Punishes little likelihood of the target under a normal distribution.";
  block.formula = "v = max(var, eps);  L = mean ( log v + (x − t)²/v ) / 2";
  block.when_to_use =
      "For regression that also tells how sure it is: one output is the mean, one the variance.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.GaussianNLLLoss.html";
  block.params = {{.name = "full",
                   .type = ParamType::Bool,
                   .fallback = false,
                   .help = "Whether the constant log(2π)/2 is added.",
                   .keyword_only = true},
                  {.name = "eps",
                   .type = ParamType::Real,
                   .fallback = 1e-6,
                   .help = "Variances below it count as this much.",
                   .keyword_only = true},
                  reduction_param()};
  block.inputs[0].help = "Means of the distributions";
  block.inputs.push_back({"var", "Their variances, not negative", false, "="});
  block.inputs[2].numbers = PortNumbers::Probabilities;
  block.make = make_gaussian;
  return block;
}

Block poisson_nll_loss_block() {
  Block block = loss_block();
  block.id = "PoissonNLLLoss";
  block.torch_name = "nn.PoissonNLLLoss";
  block.summary = "Punishes little likelihood of the target count under a Poisson distribution.";
  block.formula = "L = mean ( eˣ − t·x );  without log_input mean ( x − t·log(x + eps) )";
  block.when_to_use = "When the answer is a count: events in an hour, cars in a picture.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.PoissonNLLLoss.html";
  block.params = {{.name = "log_input",
                   .type = ParamType::Bool,
                   .fallback = true,
                   .help = "Whether the input is the logarithm of the expected count.",
                   .strict = true},
                  {.name = "full",
                   .type = ParamType::Bool,
                   .fallback = false,
                   .help = "Whether Stirling's approximation of log t! is added.",
                   .strict = true},
                  {.name = "eps",
                   .type = ParamType::Real,
                   .fallback = 1e-8,
                   .help = "Keeps the logarithm finite without log_input.",
                   .keyword_only = true},
                  reduction_param()};
  block.inputs[0].help = "Expected counts, or their logarithms";
  set_target(block, PortNumbers::Any, "Counts");
  block.make = make_poisson;
  return block;
}

}  // namespace nw::nn
