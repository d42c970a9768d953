#include "core/nn/block.h"
#include "core/nn/layers/activation.h"
#include "core/nn/layers/conv.h"
#include "core/nn/layers/dropout.h"
#include "core/nn/layers/flatten.h"
#include "core/nn/layers/input.h"
#include "core/nn/layers/linear.h"
#include "core/nn/layers/pool.h"
#include "core/nn/losses/cross_entropy.h"
#include "core/nn/losses/mse.h"

namespace nw::nn {
namespace {

Registry<Block> register_all() {
  Registry<Block> registry;
  registry.add(input_block());
  registry.add(conv2d_block());
  registry.add(max_pool2d_block());
  registry.add(avg_pool2d_block());
  registry.add(linear_block());
  registry.add(relu_block());
  registry.add(tanh_block());
  registry.add(sigmoid_block());
  registry.add(softmax_block());
  registry.add(dropout_block());
  registry.add(flatten_block());
  registry.add(cross_entropy_loss_block());
  registry.add(mse_loss_block());
  return registry;
}

Registry<Block>& registry() {
  static Registry<Block> all = register_all();
  return all;
}

}  // namespace

const Registry<Block>& blocks() {
  return registry();
}

void add_block(Block block) {
  registry().add(std::move(block));
}

}  // namespace nw::nn
