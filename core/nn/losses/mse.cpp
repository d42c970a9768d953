#include "core/nn/losses/mse.h"

#include "core/nn/losses/reduction.h"

namespace nw::nn {

MSELoss::MSELoss(const Options& options)
    : reduction_(reduction_from_text(options.reduction, "MSELoss")) {}

Tensors MSELoss::forward(const Tensors& inputs) {
  NW_CHECK(inputs.size() == 2, "[MSELoss] expects answers and targets, gets ", inputs.size(),
           " tensors");
  return {ops::mse_loss(inputs[0], inputs[1], reduction_)};
}

namespace {

std::unique_ptr<Module> make(const Args& args) {
  return std::make_unique<MSELoss>(MSELoss::Options{.reduction = args.text("reduction")});
}

}  // namespace

Block mse_loss_block() {
  Block block = loss_block();
  block.common = true;
  block.synonyms = "regression, mean squared error, L2";
  block.id = "MSELoss";
  block.torch_name = "nn.MSELoss";
  block.icon = "mse";
  block.summary = "Punishes the squared distance from the target.";
  block.formula = "L = mean (x − t)²";
  block.when_to_use = "For regression: when the answer is a number and large misses matter most.";
  block.reference = "https://pytorch.org/docs/stable/generated/torch.nn.MSELoss.html";
  block.params = {reduction_param()};
  block.make = make;
  return block;
}

}  // namespace nw::nn
