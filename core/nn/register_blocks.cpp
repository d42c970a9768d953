#include "core/nn/block.h"
#include "core/nn/layers/activation.h"
#include "core/nn/layers/adaptive_pool.h"
#include "core/nn/layers/attention.h"
#include "core/nn/layers/batch_norm.h"
#include "core/nn/layers/bilinear.h"
#include "core/nn/layers/conv.h"
#include "core/nn/layers/distance.h"
#include "core/nn/layers/dropout.h"
#include "core/nn/layers/embedding.h"
#include "core/nn/layers/flatten.h"
#include "core/nn/layers/fold.h"
#include "core/nn/layers/fractional_pool.h"
#include "core/nn/layers/group_norm.h"
#include "core/nn/layers/input.h"
#include "core/nn/layers/instance_norm.h"
#include "core/nn/layers/layer_norm.h"
#include "core/nn/layers/linear.h"
#include "core/nn/layers/merge.h"
#include "core/nn/layers/pad.h"
#include "core/nn/layers/pool.h"
#include "core/nn/layers/position.h"
#include "core/nn/layers/recurrent.h"
#include "core/nn/layers/recurrent_cell.h"
#include "core/nn/layers/select.h"
#include "core/nn/layers/softmax.h"
#include "core/nn/layers/transformer.h"
#include "core/nn/layers/transpose.h"
#include "core/nn/layers/upsample.h"
#include "core/nn/losses/binary.h"
#include "core/nn/losses/classes.h"
#include "core/nn/losses/cross_entropy.h"
#include "core/nn/losses/ctc.h"
#include "core/nn/losses/mse.h"
#include "core/nn/losses/pairs.h"
#include "core/nn/losses/regression.h"

namespace nw::nn {
namespace {

Registry<Block> register_all() {
  Registry<Block> registry;
  registry.add(input_block());
  for (size_t spatial = 1; spatial <= 3; ++spatial) registry.add(conv_block(spatial));
  for (size_t spatial = 1; spatial <= 3; ++spatial) registry.add(conv_transpose_block(spatial));
  for (size_t spatial = 1; spatial <= 3; ++spatial) registry.add(lazy_conv_block(spatial));
  for (size_t spatial = 1; spatial <= 3; ++spatial) {
    registry.add(lazy_conv_transpose_block(spatial));
  }
  registry.add(unfold_block());
  registry.add(fold_block());
  for (size_t spatial = 1; spatial <= 3; ++spatial) registry.add(max_pool_block(spatial));
  for (size_t spatial = 1; spatial <= 3; ++spatial) registry.add(avg_pool_block(spatial));
  for (size_t spatial = 1; spatial <= 2; ++spatial) registry.add(lp_pool_block(spatial));
  for (size_t spatial = 2; spatial <= 3; ++spatial) {
    registry.add(fractional_max_pool_block(spatial));
  }
  for (size_t spatial = 1; spatial <= 3; ++spatial) registry.add(adaptive_avg_pool_block(spatial));
  for (size_t spatial = 1; spatial <= 3; ++spatial) registry.add(adaptive_max_pool_block(spatial));
  for (size_t spatial = 1; spatial <= 3; ++spatial) registry.add(max_unpool_block(spatial));
  registry.add(linear_block());
  registry.add(lazy_linear_block());
  registry.add(bilinear_block());
  registry.add(embedding_block());
  registry.add(embedding_bag_block());
  registry.add(cosine_similarity_block());
  registry.add(pairwise_distance_block());
  registry.add(rnn_block());
  registry.add(lstm_block());
  registry.add(gru_block());
  registry.add(rnn_cell_block());
  registry.add(lstm_cell_block());
  registry.add(gru_cell_block());
  registry.add(positional_encoding_block());
  registry.add(multihead_attention_block());
  registry.add(transformer_encoder_layer_block());
  registry.add(transformer_encoder_block());
  registry.add(transformer_decoder_layer_block());
  registry.add(transformer_decoder_block());
  registry.add(transformer_block());
  for (int spatial = 1; spatial <= 3; ++spatial) registry.add(batch_norm_block(spatial));
  for (int spatial = 1; spatial <= 3; ++spatial) registry.add(lazy_batch_norm_block(spatial));
  registry.add(layer_norm_block());
  registry.add(group_norm_block());
  for (int spatial = 1; spatial <= 3; ++spatial) registry.add(instance_norm_block(spatial));
  for (int spatial = 1; spatial <= 3; ++spatial) registry.add(lazy_instance_norm_block(spatial));
  registry.add(local_response_norm_block());
  for (Block& block : activation_blocks()) registry.add(std::move(block));
  registry.add(softmax_block());
  registry.add(log_softmax_block());
  registry.add(softmin_block());
  registry.add(softmax2d_block());
  for (Block& block : dropout_blocks()) registry.add(std::move(block));
  registry.add(flatten_block());
  registry.add(unflatten_block());
  registry.add(identity_block());
  for (size_t spatial = 1; spatial <= 3; ++spatial) registry.add(constant_pad_block(spatial));
  registry.add(zero_pad_block());
  for (size_t spatial = 1; spatial <= 3; ++spatial) registry.add(reflection_pad_block(spatial));
  for (size_t spatial = 1; spatial <= 3; ++spatial) registry.add(replication_pad_block(spatial));
  registry.add(upsample_block());
  registry.add(upsampling_nearest2d_block());
  registry.add(upsampling_bilinear2d_block());
  registry.add(pixel_shuffle_block());
  registry.add(pixel_unshuffle_block());
  registry.add(channel_shuffle_block());
  registry.add(select_block());
  registry.add(transpose_block());
  registry.add(addition_block());
  registry.add(multiply_block());
  registry.add(concat_block());
  registry.add(cross_entropy_loss_block());
  registry.add(nll_loss_block());
  registry.add(bce_loss_block());
  registry.add(bce_with_logits_loss_block());
  registry.add(mse_loss_block());
  registry.add(l1_loss_block());
  registry.add(smooth_l1_loss_block());
  registry.add(huber_loss_block());
  registry.add(kl_div_loss_block());
  registry.add(gaussian_nll_loss_block());
  registry.add(poisson_nll_loss_block());
  registry.add(ctc_loss_block());
  registry.add(triplet_margin_loss_block());
  registry.add(triplet_margin_with_distance_loss_block());
  registry.add(cosine_embedding_loss_block());
  registry.add(hinge_embedding_loss_block());
  registry.add(margin_ranking_loss_block());
  registry.add(soft_margin_loss_block());
  registry.add(multi_margin_loss_block());
  registry.add(multi_label_margin_loss_block());
  registry.add(multi_label_soft_margin_loss_block());
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
