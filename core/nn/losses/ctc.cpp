#include "core/nn/losses/ctc.h"

namespace nw::nn {

Tensors CTCLoss::forward(const Tensors& inputs) {
  expect_inputs(inputs, 4);
  return {ops::ctc_loss(inputs[0], inputs[1], inputs[2], inputs[3], options_, reduction())};
}

namespace {

std::unique_ptr<Module> make(const Args& args) {
  return std::make_unique<CTCLoss>(
      CTCLoss::Options{.blank = args.integer("blank"),
                       .reduction = args.text("reduction"),
                       .zero_infinity = args.boolean("zero_infinity")});
}

}  // namespace

Block ctc_loss_block() {
  Block block = loss_block();
  block.id = "CTCLoss";
  block.torch_name = "nn.CTCLoss";
  block.summary =
      "Punishes little probability of a label sequence, wherever along the input its labels lie.";
  block.formula = "L = −log Σ over all alignments Π exp(x[step, class])";
  block.when_to_use =
      "For speech and handwriting: the texts are known, but not where in the input each letter is. "
      "Behind a LogSoftmax.";
  block.reference = "https://www.cs.toronto.edu/~graves/icml_2006.pdf";
  Param reduction = reduction_param();
  reduction.keyword_only = false;
  reduction.help =
      "What becomes of the losses of a batch: their sum, none, or the mean, each divided by the "
      "length of its target. Training needs one number.";
  block.params = {{.name = "blank",
                   .type = ParamType::Int,
                   .fallback = int64_t{0},
                   .help = "The class that stands for no label.",
                   .min = 0},
                  reduction,
                  {.name = "zero_infinity",
                   .type = ParamType::Bool,
                   .fallback = false,
                   .help = "Whether targets too long for their input count 0 and not infinity.",
                   .strict = true}};
  block.inputs = {
      {"log_probs", "Log-probabilities (steps, N, classes)", false, "T N C"},
      {"targets", "Labels (N, most labels), the rest of a row unused; or all in one row", false,
       "N S"},
      {"input_lengths", "How many steps of each sample count (N)", false, "N"},
      {"target_lengths", "How many labels each sample has (N)", false, "N"}};
  block.inputs[1].numbers = PortNumbers::Classes;
  block.inputs[2].numbers = PortNumbers::Lengths;
  block.inputs[2].below = "T";
  block.inputs[3].numbers = PortNumbers::Lengths;
  block.inputs[3].below = "S";
  block.make = make;
  return block;
}

}  // namespace nw::nn
