#include "core/nn/losses/classes.h"

namespace nw::nn {
namespace {

ops::KlReduction kl_reduction(const std::string& text) {
  if (text == "batchmean") return ops::KlReduction::BatchMean;
  switch (reduction_from_text(text, "KLDivLoss")) {
    case ops::Reduction::None:
      return ops::KlReduction::None;
    case ops::Reduction::Sum:
      return ops::KlReduction::Sum;
    case ops::Reduction::Mean:
      break;
  }
  return ops::KlReduction::Mean;
}

}  // namespace

NLLLoss::NLLLoss(const Options& options)
    : Loss("NLLLoss", options.reduction),
      weight_(register_numbers("weight", options.weight)),
      ignore_index_(options.ignore_index) {}

Tensors NLLLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 2);
  return {ops::nll_loss(inputs[0], inputs[1], weight_, ignore_index_, reduction())};
}

KLDivLoss::KLDivLoss(const Options& options)
    : reduction_(kl_reduction(options.reduction)), log_target_(options.log_target) {}

Tensors KLDivLoss::forward(const Tensors& inputs) {
  NW_CHECK(inputs.size() == 2, "[KLDivLoss] expects 2 tensors, gets ", inputs.size());
  return {ops::kl_div(inputs[0], inputs[1], reduction_, log_target_)};
}

MultiMarginLoss::MultiMarginLoss(const Options& options)
    : Loss("MultiMarginLoss", options.reduction),
      p_(static_cast<int>(options.p)),
      margin_(options.margin),
      weight_(register_numbers("weight", options.weight)) {
  NW_CHECK(options.p == 1 || options.p == 2, "[MultiMarginLoss] p must be 1 or 2, is ", options.p);
}

Tensors MultiMarginLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 2);
  return {ops::multi_margin_loss(inputs[0], inputs[1],
                                 {.p = p_, .margin = margin_, .weight = weight_}, reduction())};
}

Tensors MultiLabelMarginLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 2);
  return {ops::multilabel_margin_loss(inputs[0], inputs[1], reduction())};
}

namespace {

std::unique_ptr<Module> make_nll(const Args& args) {
  return std::make_unique<NLLLoss>(NLLLoss::Options{.weight = numbers_of(args, "weight"),
                                                    .ignore_index = args.integer("ignore_index"),
                                                    .reduction = args.text("reduction")});
}

std::unique_ptr<Module> make_kl_div(const Args& args) {
  return std::make_unique<KLDivLoss>(KLDivLoss::Options{.reduction = args.text("reduction"),
                                                        .log_target = args.boolean("log_target")});
}

std::unique_ptr<Module> make_multi_margin(const Args& args) {
  return std::make_unique<MultiMarginLoss>(
      MultiMarginLoss::Options{.p = args.integer("p"),
                               .margin = args.real("margin"),
                               .weight = numbers_of(args, "weight"),
                               .reduction = args.text("reduction")});
}

std::unique_ptr<Module> make_multi_label_margin(const Args& args) {
  return std::make_unique<MultiLabelMarginLoss>(
      MultiLabelMarginLoss::Options{.reduction = args.text("reduction")});
}

std::string kl_div_caption(const Args& args) {
  return args.boolean("log_target") ? "log target" : "";
}

std::string multi_margin_caption(const Args& args) {
  return concat("margin ", args.real("margin"), args.integer("p") == 2 ? " · squared" : "");
}

Param class_weights_param() {
  Param param = numbers_param(
      "weight", "One number for each class, as 1, 0.5, 2: how much it counts. None: all alike.");
  return param;
}

}  // namespace

Block nll_loss_block() {
  Block block = loss_block();
  block.id = "NLLLoss";
  block.torch_name = "nn.NLLLoss";
  block.summary = "Punishes little log-probability for the right class.";
  block.formula = "L = −x[t]";
  block.when_to_use =
      "Behind a LogSoftmax, for one of several classes. CrossEntropyLoss does both at once.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html";
  block.params = {class_weights_param(),
                  {.name = "ignore_index",
                   .type = ParamType::Int,
                   .fallback = int64_t{-100},
                   .help = "Targets of this class do not count.",
                   .keyword_only = true},
                  reduction_param()};
  block.inputs[0].help = "Log-probabilities (N, classes) or (N, classes, …)";
  block.inputs[0].layout = "N C *";
  block.inputs[1].layout = "N *";
  set_target(block, PortNumbers::Classes, "Classes (N) or (N, …)");
  block.make = make_nll;
  return block;
}

Block kl_div_loss_block() {
  Block block = loss_block();
  block.id = "KLDivLoss";
  block.torch_name = "nn.KLDivLoss";
  block.summary = "Punishes a distribution that differs from the wanted one.";
  block.formula = "L = mean t·(log t − x),  x = log of the answered probabilities";
  block.when_to_use =
      "To imitate another network's probabilities (distillation), behind a LogSoftmax.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html";
  Param reduction = reduction_param();
  reduction.choices.push_back("batchmean");
  reduction.help =
      "batchmean divides by the samples and is the divergence itself; mean divides by all numbers; "
      "none keeps them apart. Training needs one number.";
  block.params = {reduction,
                  {.name = "log_target",
                   .type = ParamType::Bool,
                   .fallback = false,
                   .help = "Whether the targets are logarithms of probabilities, too.",
                   .strict = true,
                   .keyword_only = true}};
  block.inputs[0].help = "Log-probabilities of any sizes";
  set_target(block, PortNumbers::Probabilities, "Probabilities, or their logarithms");
  block.make = make_kl_div;
  block.caption = kl_div_caption;
  return block;
}

Block multi_margin_loss_block() {
  Block block = loss_block();
  block.id = "MultiMarginLoss";
  block.torch_name = "nn.MultiMarginLoss";
  block.summary = "Punishes classes whose score comes nearer to the right one's than a margin.";
  block.formula = "L = Σ max(0, margin − x[t] + x[j])ᵖ / C  over j ≠ t";
  block.when_to_use =
      "For classification by scores alone, as a support vector machine does; gives no "
      "probabilities.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.MultiMarginLoss.html";
  Param reduction = reduction_param();
  block.params = {{.name = "p",
                   .type = ParamType::Int,
                   .fallback = int64_t{1},
                   .help = "The power of what is lacking: 1, or 2 for its square.",
                   .min = 1,
                   .max = 2},
                  {.name = "margin",
                   .type = ParamType::Real,
                   .fallback = 1.0,
                   .help = "By how much the right class should lead."},
                  class_weights_param(),
                  reduction};
  block.inputs[0].help = "Scores (N, classes)";
  block.inputs[0].layout = "N C";
  block.inputs[1].layout = "N";
  set_target(block, PortNumbers::Classes, "Classes (N)");
  block.make = make_multi_margin;
  block.caption = multi_margin_caption;
  return block;
}

Block multi_label_margin_loss_block() {
  Block block = loss_block();
  block.id = "MultiLabelMarginLoss";
  block.torch_name = "nn.MultiLabelMarginLoss";
  block.summary = "Punishes wrong labels whose scores come nearer to right ones than 1.";
  block.formula = "L = Σ max(0, 1 − x[t] + x[j]) / C  over right t and wrong j";
  block.when_to_use = "For several labels a sample, listed by number and ended by −1.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.MultiLabelMarginLoss.html";
  block.params = {reduction_param()};
  block.inputs[0].help = "Scores (N, labels)";
  block.inputs[0].layout = "N C";
  block.inputs[1].layout = "N C";
  set_target(block, PortNumbers::Classes, "Label numbers (N, labels), −1 behind the last");
  block.make = make_multi_label_margin;
  return block;
}

}  // namespace nw::nn
