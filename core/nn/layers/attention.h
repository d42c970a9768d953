#pragma once

#include <optional>

#include "core/nn/block.h"
#include "core/nn/layers/linear.h"

namespace nw::nn {

/// Attention with several heads: softmax(q·kᵀ/√d + mask)·v of linear projections of query, key and
/// value, side by side for each head, and one more Linear.
///
/// query (T, N, E), key (S, N, kdim), value (S, N, vdim); with batch_first N comes first; or all
/// without N. key_padding_mask (N, S) and attn_mask (T, S) or (N·heads, T, S): bool (true is not
/// looked at) or added. -> attn_output like query, and the weights (N, T, S), averaged over the
/// heads, or (N, heads, T, S).
///
/// state_dict: in_proj_weight (3E, E), or q_/k_/v_proj_weight where kdim or vdim is not E;
/// in_proj_bias (3E); bias_k and bias_v (1, 1, E); out_proj.weight, out_proj.bias.
/// Source: torch.nn.MultiheadAttention; Vaswani et al. 2017.
class MultiheadAttention : public Module {
 public:
  struct Options {
    int64_t embed_dim;
    int64_t num_heads;
    double dropout = 0.0;
    bool bias = true;
    bool add_bias_kv = false;          // one more learnt key and value
    bool add_zero_attn = false;        // one more key and value of zeros
    std::optional<int64_t> kdim = {};  // none: embed_dim
    std::optional<int64_t> vdim = {};
    bool batch_first = false;
    bool need_weights = true;  // else they come out undefined
    bool average_attn_weights = true;
  };
  explicit MultiheadAttention(const Options& options);

  std::string kind() const override { return "MultiheadAttention"; }
  /// {query, key, value, key_padding_mask, attn_mask} -> {attn_output, attn_output_weights}; the
  /// masks may be missing or undefined.
  Tensors forward(const Tensors& inputs) override;

 private:
  struct Projected;
  void reset_parameters();
  Projected project(const Tensor& query, const Tensor& key, const Tensor& value) const;
  Tensor lengthened(const Tensor& x, const Tensor& bias) const;

  Options options_;
  bool same_dims_;  // of query, key and value
  Tensor in_proj_weight_;
  Tensor q_proj_weight_, k_proj_weight_, v_proj_weight_;
  Tensor in_proj_bias_;
  Tensor bias_k_, bias_v_;
  Linear* out_proj_;
};

Block multihead_attention_block();

}  // namespace nw::nn
