#include "core/nn/losses/binary.h"

namespace nw::nn {

BCELoss::BCELoss(const Options& options)
    : Loss("BCELoss", options.reduction), weight_(register_numbers("weight", options.weight)) {}

Tensors BCELoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 2);
  return {ops::binary_cross_entropy(inputs[0], inputs[1], weight_, reduction())};
}

BCEWithLogitsLoss::BCEWithLogitsLoss(const Options& options)
    : Loss("BCEWithLogitsLoss", options.reduction),
      weight_(register_numbers("weight", options.weight)),
      pos_weight_(register_numbers("pos_weight", options.pos_weight)) {}

Tensors BCEWithLogitsLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 2);
  return {ops::binary_cross_entropy_with_logits(inputs[0], inputs[1], weight_, pos_weight_,
                                                reduction())};
}

Tensors SoftMarginLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 2);
  return {ops::soft_margin_loss(inputs[0], inputs[1], reduction())};
}

MultiLabelSoftMarginLoss::MultiLabelSoftMarginLoss(const Options& options)
    : Loss("MultiLabelSoftMarginLoss", options.reduction),
      weight_(register_numbers("weight", options.weight)) {}

Tensors MultiLabelSoftMarginLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 2);
  return {ops::multilabel_soft_margin_loss(inputs[0], inputs[1], weight_, reduction())};
}

namespace {

std::unique_ptr<Module> make_bce(const Args& args) {
  return std::make_unique<BCELoss>(
      BCELoss::Options{.weight = numbers_of(args, "weight"), .reduction = args.text("reduction")});
}

std::unique_ptr<Module> make_bce_with_logits(const Args& args) {
  return std::make_unique<BCEWithLogitsLoss>(
      BCEWithLogitsLoss::Options{.weight = numbers_of(args, "weight"),
                                 .reduction = args.text("reduction"),
                                 .pos_weight = numbers_of(args, "pos_weight")});
}

std::unique_ptr<Module> make_soft_margin(const Args& args) {
  return std::make_unique<SoftMarginLoss>(
      SoftMarginLoss::Options{.reduction = args.text("reduction")});
}

std::unique_ptr<Module> make_multi_label(const Args& args) {
  return std::make_unique<MultiLabelSoftMarginLoss>(MultiLabelSoftMarginLoss::Options{
      .weight = numbers_of(args, "weight"), .reduction = args.text("reduction")});
}

Param weight_param() {
  return numbers_param("weight",
                       "One number for each place of the last dimension, or one for all: how much "
                       "it counts. None: all alike.");
}

}  // namespace

Block bce_loss_block() {
  Block block = loss_block();
  block.synonyms = "binary classification, binary cross-entropy";
  block.id = "BCELoss";
  block.torch_name = "nn.BCELoss";
  block.summary = "Punishes little probability for the right answer to yes-or-no questions.";
  block.formula = "L = −mean ( t·log x + (1 − t)·log(1 − x) )";
  block.when_to_use =
      "Behind a Sigmoid, for answers that are independent probabilities. BCEWithLogitsLoss without "
      "the Sigmoid is exacter.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.BCELoss.html";
  block.params = {weight_param(), reduction_param()};
  block.inputs[0].help = "Probabilities, from 0 to 1";
  block.inputs[0].layout = "N * C";
  block.inputs[0].numbers = PortNumbers::Probabilities;
  set_target(block, PortNumbers::Probabilities, "What they should be, from 0 to 1");
  block.make = make_bce;
  return block;
}

Block bce_with_logits_loss_block() {
  Block block = loss_block();
  block.common = true;
  block.synonyms = "binary classification, binary cross-entropy, logistic";
  block.id = "BCEWithLogitsLoss";
  block.torch_name = "nn.BCEWithLogitsLoss";
  block.summary = "Punishes wrong scores for yes-or-no questions: positive for yes.";
  block.formula = "p = σ(x);  L = −mean ( t·log p + (1 − t)·log(1 − p) )";
  block.when_to_use =
      "For one or more yes-or-no answers, also several labels at once. Takes raw scores: no "
      "Sigmoid "
      "before it.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html";
  Param pos_weight = numbers_param("pos_weight",
                                   "How much the answers count that should be yes, for each place "
                                   "of the last dimension: above 1 "
                                   "where yes is rare. None: as much as no.");
  pos_weight.keyword_only = true;
  block.params = {weight_param(), reduction_param(), pos_weight};
  block.inputs[0].help = "Scores of any size";
  block.inputs[0].layout = "N * C";
  set_target(block, PortNumbers::Probabilities, "What their sigmoids should be, from 0 to 1");
  block.make = make_bce_with_logits;
  return block;
}

Block soft_margin_loss_block() {
  Block block = loss_block();
  block.id = "SoftMarginLoss";
  block.torch_name = "nn.SoftMarginLoss";
  block.summary = "Punishes scores with the wrong sign.";
  block.formula = "L = mean log(1 + e^(−t·x))";
  block.when_to_use = "For two classes whose targets are −1 and 1 (logistic regression).";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.SoftMarginLoss.html";
  block.params = {reduction_param()};
  set_target(block, PortNumbers::Signs, "The signs they should have: −1 or 1");
  block.make = make_soft_margin;
  return block;
}

Block multi_label_soft_margin_loss_block() {
  Block block = loss_block();
  block.id = "MultiLabelSoftMarginLoss";
  block.torch_name = "nn.MultiLabelSoftMarginLoss";
  block.summary = "Punishes wrong scores for labels of which several may be right.";
  block.formula = "p = σ(x);  L = −mean Σ ( t·log p + (1 − t)·log(1 − p) ) / C";
  block.when_to_use =
      "For pictures or texts with several labels each. The same as BCEWithLogitsLoss, averaged "
      "over "
      "the labels of a sample.";
  block.reference =
      "https://pytorch.org/docs/stable/generated/torch.nn.MultiLabelSoftMarginLoss.html";
  block.params = {weight_param(), reduction_param()};
  block.inputs[0].help = "Scores (…, labels)";
  block.inputs[0].layout = "N * C";
  set_target(block, PortNumbers::Probabilities, "1 for each right label, else 0");
  block.make = make_multi_label;
  return block;
}

}  // namespace nw::nn
