#include "core/nn/layers/transformer.h"

#include "core/base/random.h"
#include "core/nn/init.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"

namespace nw::nn {
namespace {

Tensor input_or_none(const Tensors& inputs, size_t i) {
  return i < inputs.size() ? inputs[i] : Tensor();
}

void check_count(const Tensors& inputs, size_t least, const Module& module) {
  bool complete = inputs.size() >= least;
  for (size_t i = 0; i < least && complete; ++i) complete = inputs[i].defined();
  NW_CHECK(complete, "[", module.kind(), "] expects ", least, " or more tensors, gets ",
           inputs.size());
}

/// A layer with the same options and numbers; draws nothing.
template <typename Layer>
std::shared_ptr<Layer> copy_of(const Layer& layer) {
  const Generator before = default_generator();
  auto copy = std::make_shared<Layer>(layer.options());
  default_generator() = before;
  const std::vector<Tensor> parameters = layer.parameters();
  copy->to(parameters[0]);
  copy->load_state_dict(layer.state_dict());
  const std::vector<Tensor> copies = copy->parameters();
  for (size_t i = 0; i < copies.size(); ++i) {
    copies[i].set_requires_grad(parameters[i].requires_grad());
  }
  copy->train(layer.training());
  return copy;
}

template <typename Layer>
std::unique_ptr<ModuleList> copies_of(const Layer& layer, int64_t count) {
  auto list = std::make_unique<ModuleList>();
  for (int64_t i = 0; i < count; ++i) list->append(copy_of(layer));
  return list;
}

Module* add_if_any(Module& parent, std::string name, const std::shared_ptr<Module>& module) {
  if (module != nullptr) parent.add_module(std::move(name), module);
  return module.get();
}

}  // namespace

TransformerLayer::TransformerLayer(const Options& options)
    : options_(options), gelu_(options.activation == "gelu") {
  NW_CHECK(gelu_ || options.activation == "relu",
           "[TransformerLayer] activation expects 'relu' or 'gelu', gets '", options.activation,
           "'");
}

MultiheadAttention& TransformerLayer::add_attention(std::string name) {
  return add_module(std::move(name),
                    std::make_unique<MultiheadAttention>(
                        MultiheadAttention::Options{.embed_dim = options_.d_model,
                                                    .num_heads = options_.nhead,
                                                    .dropout = options_.dropout,
                                                    .batch_first = options_.batch_first,
                                                    .need_weights = false}));
}

LayerNorm& TransformerLayer::add_norm(std::string name) {
  return add_module(std::move(name),
                    std::make_unique<LayerNorm>(LayerNorm::Options{
                        .normalized_shape = {options_.d_model}, .eps = options_.layer_norm_eps}));
}

Dropout& TransformerLayer::add_dropout(std::string name) {
  return add_module(std::move(name),
                    std::make_unique<Dropout>(Dropout::Options{.p = options_.dropout}));
}

void TransformerLayer::add_feedforward() {
  linear1_ = &add_module(
      "linear1", std::make_unique<Linear>(Linear::Options{
                     .in_features = options_.d_model, .out_features = options_.dim_feedforward}));
  dropout_ = &add_dropout("dropout");
  linear2_ = &add_module(
      "linear2", std::make_unique<Linear>(Linear::Options{.in_features = options_.dim_feedforward,
                                                          .out_features = options_.d_model}));
}

Tensor TransformerLayer::feedforward(const Tensor& x) {
  const Tensor hidden = (*linear1_)(x);
  return (*linear2_)((*dropout_)(gelu_ ? ops::gelu(hidden) : ops::relu(hidden)));
}

TransformerEncoderLayer::TransformerEncoderLayer(const Options& options)
    : TransformerLayer(options) {
  self_attn_ = &add_attention("self_attn");
  add_feedforward();
  norm1_ = &add_norm("norm1");
  norm2_ = &add_norm("norm2");
  dropout1_ = &add_dropout("dropout1");
  dropout2_ = &add_dropout("dropout2");
}

Tensors TransformerEncoderLayer::forward(const Tensors& inputs) {
  check_count(inputs, 1, *this);
  const auto attend = [&](const Tensor& x) {
    const Tensors found =
        self_attn_->call({x, x, x, input_or_none(inputs, 2), input_or_none(inputs, 1)});
    return (*dropout1_)(found[0]);
  };
  const auto think = [&](const Tensor& x) { return (*dropout2_)(feedforward(x)); };
  Tensor x = inputs[0];
  if (options().norm_first) {
    x = x + attend((*norm1_)(x));
    return {x + think((*norm2_)(x))};
  }
  x = (*norm1_)(x + attend(x));
  return {(*norm2_)(x + think(x))};
}

TransformerDecoderLayer::TransformerDecoderLayer(const Options& options)
    : TransformerLayer(options) {
  self_attn_ = &add_attention("self_attn");
  multihead_attn_ = &add_attention("multihead_attn");
  add_feedforward();
  norm1_ = &add_norm("norm1");
  norm2_ = &add_norm("norm2");
  norm3_ = &add_norm("norm3");
  dropout1_ = &add_dropout("dropout1");
  dropout2_ = &add_dropout("dropout2");
  dropout3_ = &add_dropout("dropout3");
}

Tensors TransformerDecoderLayer::forward(const Tensors& inputs) {
  check_count(inputs, 2, *this);
  const Tensor& memory = inputs[1];
  const auto attend = [&](const Tensor& x) {
    const Tensors found =
        self_attn_->call({x, x, x, input_or_none(inputs, 4), input_or_none(inputs, 2)});
    return (*dropout1_)(found[0]);
  };
  const auto look = [&](const Tensor& x) {
    const Tensors found = multihead_attn_->call(
        {x, memory, memory, input_or_none(inputs, 5), input_or_none(inputs, 3)});
    return (*dropout2_)(found[0]);
  };
  const auto think = [&](const Tensor& x) { return (*dropout3_)(feedforward(x)); };
  Tensor x = inputs[0];
  if (options().norm_first) {
    x = x + attend((*norm1_)(x));
    x = x + look((*norm2_)(x));
    return {x + think((*norm3_)(x))};
  }
  x = (*norm1_)(x + attend(x));
  x = (*norm2_)(x + look(x));
  return {(*norm3_)(x + think(x))};
}

TransformerEncoder::TransformerEncoder(const TransformerEncoderLayer& layer, int64_t num_layers,
                                       std::shared_ptr<Module> norm)
    : layers_(&add_module("layers", copies_of(layer, num_layers))),
      norm_(add_if_any(*this, "norm", norm)) {}

Tensors TransformerEncoder::forward(const Tensors& inputs) {
  check_count(inputs, 1, *this);
  NW_CHECK(layers_->size() > 0, "[TransformerEncoder] expects at least one layer, has none");
  Tensor x = inputs[0];
  for (Module* layer : layers_->children()) {
    x = layer->call({x, input_or_none(inputs, 1), input_or_none(inputs, 2)})[0];
  }
  return {norm_ == nullptr ? x : (*norm_)(x)};
}

TransformerDecoder::TransformerDecoder(const TransformerDecoderLayer& layer, int64_t num_layers,
                                       std::shared_ptr<Module> norm)
    : layers_(&add_module("layers", copies_of(layer, num_layers))),
      norm_(add_if_any(*this, "norm", norm)) {}

Tensors TransformerDecoder::forward(const Tensors& inputs) {
  check_count(inputs, 2, *this);
  Tensors given = inputs;
  for (Module* layer : layers_->children()) given[0] = layer->call(given)[0];
  return {norm_ == nullptr ? given[0] : (*norm_)(given[0])};
}

Transformer::Transformer(const Options& options)
    : d_model_(options.layer.d_model), batch_first_(options.layer.batch_first) {
  const auto norm = [&] {
    return std::make_shared<LayerNorm>(
        LayerNorm::Options{.normalized_shape = {d_model_}, .eps = options.layer.layer_norm_eps});
  };
  std::shared_ptr<Module> encoder = options.custom_encoder;
  if (encoder == nullptr) {
    encoder = std::make_shared<TransformerEncoder>(TransformerEncoderLayer(options.layer),
                                                   options.num_encoder_layers, norm());
  }
  std::shared_ptr<Module> decoder = options.custom_decoder;
  if (decoder == nullptr) {
    decoder = std::make_shared<TransformerDecoder>(TransformerDecoderLayer(options.layer),
                                                   options.num_decoder_layers, norm());
  }
  encoder_ = add_if_any(*this, "encoder", encoder);
  decoder_ = add_if_any(*this, "decoder", decoder);
  for (const Tensor& parameter : parameters()) {
    if (parameter.dim() > 1) init::xavier_uniform_(parameter);
  }
}

Tensors Transformer::forward(const Tensors& inputs) {
  check_count(inputs, 2, *this);
  const Tensor& src = inputs[0];
  const Tensor& tgt = inputs[1];
  const auto features = [](const Tensor& x) { return x.dim() == 0 ? 0 : x.sizes().back(); };
  NW_CHECK(features(src) == d_model_ && features(tgt) == d_model_, "[Transformer] expects ",
           d_model_, " features on the last dimension of src and tgt, gets ", features(src),
           " and ", features(tgt));
  const int64_t batch_dim = batch_first_ ? 0 : 1;
  NW_CHECK(src.dim() != 3 || (tgt.dim() > 1 && src.size(batch_dim) == tgt.size(batch_dim)),
           "[Transformer] expects src and tgt of one batch size, gets ", to_string(src.sizes()),
           " and ", to_string(tgt.sizes()));
  const auto optional = [&](size_t i) { return input_or_none(inputs, i); };
  const Tensor memory = encoder_->call({src, optional(2), optional(5)})[0];
  return decoder_->call({tgt, memory, optional(3), optional(4), optional(6), optional(7)});
}

}  // namespace nw::nn
