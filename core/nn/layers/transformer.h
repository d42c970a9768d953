#pragma once

#include "core/nn/containers.h"
#include "core/nn/layers/attention.h"
#include "core/nn/layers/dropout.h"
#include "core/nn/layers/layer_norm.h"
#include "core/nn/layers/linear.h"

namespace nw::nn {

/// Options of the layers of which transformers are made.
struct TransformerLayerOptions {
  int64_t d_model;
  int64_t nhead;
  int64_t dim_feedforward = 2048;
  double dropout = 0.1;
  std::string activation = "relu";  // or gelu
  double layer_norm_eps = 1e-5;
  bool batch_first = false;
  bool norm_first = false;  // LayerNorm before each part instead of behind it
};

/// Linear, activation, Dropout, Linear, and the option itself, as both kinds of layer have them.
class TransformerLayer : public Module {
 public:
  using Options = TransformerLayerOptions;
  const Options& options() const { return options_; }

 protected:
  explicit TransformerLayer(const Options& options);

  MultiheadAttention& add_attention(std::string name);
  LayerNorm& add_norm(std::string name);
  Dropout& add_dropout(std::string name);
  /// Registers linear1, dropout and linear2.
  void add_feedforward();
  Tensor feedforward(const Tensor& x);

 private:
  Options options_;
  bool gelu_;
  Linear* linear1_ = nullptr;
  Dropout* dropout_ = nullptr;
  Linear* linear2_ = nullptr;
};

/// Self-attention and a small network for each position, each added to what came in and normalised:
/// x = norm1(x + attention(x)); y = norm2(x + linear2(activation(linear1(x)))).
///
/// src (S, N, E), with batch_first (N, S, E), or (S, E); src_mask (S, S) or (N·heads, S, S);
/// src_key_padding_mask (N, S). state_dict: self_attn.*, linear1.*, linear2.*, norm1.*, norm2.*.
/// Source: torch.nn.TransformerEncoderLayer; Vaswani et al. 2017.
class TransformerEncoderLayer : public TransformerLayer {
 public:
  explicit TransformerEncoderLayer(const Options& options);

  std::string kind() const override { return "TransformerEncoderLayer"; }
  /// {src, src_mask, src_key_padding_mask} -> {output}; the masks may be missing or undefined.
  Tensors forward(const Tensors& inputs) override;

 private:
  MultiheadAttention* self_attn_;
  LayerNorm *norm1_, *norm2_;
  Dropout *dropout1_, *dropout2_;
};

/// The same with attention to the encoder's output in between.
///
/// tgt (T, N, E), memory (S, N, E), or with batch_first; tgt_mask (T, T), memory_mask (T, S),
/// tgt_key_padding_mask (N, T), memory_key_padding_mask (N, S). state_dict: self_attn.*,
/// multihead_attn.*, linear1.*, linear2.*, norm1.*, norm2.*, norm3.*.
/// Source: torch.nn.TransformerDecoderLayer.
class TransformerDecoderLayer : public TransformerLayer {
 public:
  explicit TransformerDecoderLayer(const Options& options);

  std::string kind() const override { return "TransformerDecoderLayer"; }
  /// {tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask} ->
  /// {output}
  Tensors forward(const Tensors& inputs) override;

 private:
  MultiheadAttention *self_attn_, *multihead_attn_;
  LayerNorm *norm1_, *norm2_, *norm3_;
  Dropout *dropout1_, *dropout2_, *dropout3_;
};

/// Layers in a row that are copies of one, equal at first, and a norm behind them (null: none).
/// state_dict: layers.0.*, layers.1.*, …, norm.*. Unlike PyTorch's without gradients in eval, the
/// output is not cut to the longest sequence, nor zeroed where a key is padding.
/// Source: torch.nn.TransformerEncoder.
class TransformerEncoder : public Module {
 public:
  TransformerEncoder(const TransformerEncoderLayer& layer, int64_t num_layers,
                     std::shared_ptr<Module> norm = nullptr);

  std::string kind() const override { return "TransformerEncoder"; }
  /// {src, mask, src_key_padding_mask} -> {output}
  Tensors forward(const Tensors& inputs) override;

 private:
  ModuleList* layers_;
  Module* norm_;
};

/// The same of decoder layers. Source: torch.nn.TransformerDecoder.
class TransformerDecoder : public Module {
 public:
  TransformerDecoder(const TransformerDecoderLayer& layer, int64_t num_layers,
                     std::shared_ptr<Module> norm = nullptr);

  std::string kind() const override { return "TransformerDecoder"; }
  /// {tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask} ->
  /// {output}
  Tensors forward(const Tensors& inputs) override;

 private:
  ModuleList* layers_;
  Module* norm_;
};

/// An encoder and a decoder that looks at what it gives. All matrices start as xavier_uniform.
/// src (S, N, E) and tgt (T, N, E), or with batch_first. state_dict: encoder.*, decoder.*.
/// Source: torch.nn.Transformer; Vaswani et al. 2017.
class Transformer : public Module {
 public:
  struct Options {
    TransformerLayerOptions layer = {.d_model = 512, .nhead = 8};
    int64_t num_encoder_layers = 6;
    int64_t num_decoder_layers = 6;
    std::shared_ptr<Module> custom_encoder = nullptr;
    std::shared_ptr<Module> custom_decoder = nullptr;
  };
  explicit Transformer(const Options& options);

  std::string kind() const override { return "Transformer"; }
  /// {src, tgt, src_mask, tgt_mask, memory_mask, src_key_padding_mask, tgt_key_padding_mask,
  /// memory_key_padding_mask} -> {output}
  Tensors forward(const Tensors& inputs) override;

 private:
  int64_t d_model_;
  bool batch_first_;
  Module *encoder_, *decoder_;
};

Block transformer_encoder_layer_block();
Block transformer_decoder_layer_block();
Block transformer_encoder_block();
Block transformer_decoder_block();
Block transformer_block();

}  // namespace nw::nn
