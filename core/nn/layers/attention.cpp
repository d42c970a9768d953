#include "core/nn/layers/attention.h"

#include "core/backend/creation.h"
#include "core/nn/init.h"
#include "core/ops/attention.h"
#include "core/ops/join.h"
#include "core/ops/matmul.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"

namespace nw::nn {
namespace {

constexpr std::string_view kOp = "MultiheadAttention";

/// A Linear under the name that PyTorch prints for it here.
class NonDynamicallyQuantizableLinear final : public Linear {
 public:
  using Linear::Linear;
  std::string kind() const override { return "NonDynamicallyQuantizableLinear"; }
};

Tensor input_or_none(const Tensors& inputs, size_t i) {
  return i < inputs.size() ? inputs[i] : Tensor();
}

void check_inputs(const Tensors& inputs, const MultiheadAttention::Options& options,
                  bool same_dims) {
  NW_CHECK(inputs.size() >= 3 && inputs[0].defined() && inputs[1].defined() && inputs[2].defined(),
           "[", kOp, "] expects query, key and value, gets ", inputs.size(), " tensors");
  const Dims& query = inputs[0].sizes();
  const Dims& key = inputs[1].sizes();
  const Dims& value = inputs[2].sizes();
  const bool shaped = (query.size() == 2 || query.size() == 3) && key.size() == query.size() &&
                      value.size() == query.size();
  NW_CHECK(shaped, "[", kOp, "] expects query, key and value of 3 dimensions, or of 2 without a ",
           "batch, gets ", to_string(query), ", ", to_string(key), " and ", to_string(value));
  NW_CHECK(query.back() == options.embed_dim, "[", kOp, "] expects ", options.embed_dim,
           " features on the last dimension, gets ", query.back());
  bool alike = true;
  const size_t compared = same_dims ? key.size() : key.size() - 1;
  for (size_t i = 0; i < compared; ++i) alike = alike && key[i] == value[i];
  NW_CHECK(alike, "[", kOp, "] expects as many keys as values, gets ", to_string(key), " and ",
           to_string(value));
  const Tensor padding = input_or_none(inputs, 3);
  NW_CHECK(!padding.defined() || padding.dim() + 1 == inputs[0].dim(), "[", kOp,
           "] expects a key_padding_mask of ", inputs[0].dim() - 1, " dimensions, gets ",
           padding.defined() ? to_string(padding.sizes()) : std::string());
}

/// x (L, E) as a batch of one, in the order in which the module takes batches.
Tensor batch_of_one(const Tensor& x, bool batch_first) {
  return ops::unsqueeze(x, batch_first ? 0 : 1);
}

}  // namespace

/// What attention looks at, sequence first.
struct MultiheadAttention::Projected {
  ops::Projection q, k, v;
};

MultiheadAttention::MultiheadAttention(const Options& options) : options_(options) {
  const int64_t features = options.embed_dim;
  NW_CHECK(features > 0 && options.num_heads > 0 && features % options.num_heads == 0, "[", kOp,
           "] embed_dim (", features, ") must be divisible by num_heads (", options.num_heads, ")");
  const int64_t kdim = options.kdim.value_or(features);
  const int64_t vdim = options.vdim.value_or(features);
  same_dims_ = kdim == features && vdim == features;
  const auto weight = [&](bool present, int64_t outputs, int64_t inputs) {
    return present ? new_parameter(Dims{outputs, inputs}) : Tensor();
  };
  q_proj_weight_ = register_parameter("q_proj_weight", weight(!same_dims_, features, features));
  k_proj_weight_ = register_parameter("k_proj_weight", weight(!same_dims_, features, kdim));
  v_proj_weight_ = register_parameter("v_proj_weight", weight(!same_dims_, features, vdim));
  in_proj_weight_ =
      register_parameter("in_proj_weight", weight(same_dims_, 3 * features, features));
  in_proj_bias_ = register_parameter("in_proj_bias",
                                     options.bias ? new_parameter(Dims{3 * features}) : Tensor());
  if (options.add_bias_kv) {
    bias_k_ = register_parameter("bias_k", new_parameter(Dims{1, 1, features}));
    bias_v_ = register_parameter("bias_v", new_parameter(Dims{1, 1, features}));
  }
  out_proj_ = &add_module(
      "out_proj", std::make_unique<NonDynamicallyQuantizableLinear>(Linear::Options{
                      .in_features = features, .out_features = features, .bias = options.bias}));
  reset_parameters();
}

/// In torch's order: out_proj has drawn already.
void MultiheadAttention::reset_parameters() {
  for (const Tensor& weight : {in_proj_weight_, q_proj_weight_, k_proj_weight_, v_proj_weight_}) {
    if (weight.defined()) init::xavier_uniform_(weight);
  }
  if (in_proj_bias_.defined()) {
    raw::fill_(in_proj_bias_, 0);
    raw::fill_(out_proj_->get_parameter("bias"), 0);
  }
  for (const Tensor& bias : {bias_k_, bias_v_}) {
    if (bias.defined()) init::xavier_normal_(bias);
  }
}

MultiheadAttention::Projected MultiheadAttention::project(const Tensor& query, const Tensor& key,
                                                          const Tensor& value) const {
  const int64_t features = options_.embed_dim;
  const bool more_keys = bias_k_.defined() || options_.add_zero_attn;
  const auto linear = [&](const Tensor& x, const Tensor& weight, const Tensor& bias) {
    const Tensor y = ops::linear(x, weight, bias);
    return options_.batch_first ? ops::transpose(y, 0, 1) : y;
  };
  // Rows of all three projections, from which each takes `count` features.
  const auto rows = [&](const Tensor& of, int64_t first, int64_t count) {
    return of.defined() ? ops::narrow(of, 0, first * features, count * features) : of;
  };
  if (!same_dims_) {
    return {{linear(query, q_proj_weight_, rows(in_proj_bias_, 0, 1))},
            {linear(key, k_proj_weight_, rows(in_proj_bias_, 1, 1))},
            {linear(value, v_proj_weight_, rows(in_proj_bias_, 2, 1))}};
  }
  const auto part = [&](const Tensor& x, int64_t first, int64_t count) {
    return linear(x, rows(in_proj_weight_, first, count), rows(in_proj_bias_, first, count));
  };
  if (key.is_same(value) && !more_keys) {
    if (query.is_same(key)) {
      const Tensor all = linear(query, in_proj_weight_, in_proj_bias_);
      return {{all, 0}, {all, features}, {all, 2 * features}};
    }
    const Tensor both = part(key, 1, 2);
    return {{part(query, 0, 1)}, {both, 0}, {both, features}};
  }
  return {{part(query, 0, 1)}, {part(key, 1, 1)}, {part(value, 2, 1)}};
}

/// Keys or values (S, N, E) with the learnt one and the one of zeros behind them.
Tensor MultiheadAttention::lengthened(const Tensor& x, const Tensor& bias) const {
  Tensor out = x;
  const Dims one{1, x.sizes()[1], x.sizes()[2]};
  if (bias.defined()) out = ops::cat(std::array{out, ops::expand(bias, one)}, 0);
  if (options_.add_zero_attn) {
    out = ops::cat(std::array{out, zeros(one, x.dtype(), x.device())}, 0);
  }
  return out;
}

Tensors MultiheadAttention::forward(const Tensors& inputs) {
  check_inputs(inputs, options_, same_dims_);
  Tensor query = inputs[0], key = inputs[1], value = inputs[2];
  Tensor padding = input_or_none(inputs, 3);
  const bool batched = query.dim() == 3;
  if (!batched) {
    const bool self = query.is_same(key), pair = key.is_same(value);
    query = batch_of_one(query, options_.batch_first);
    key = self ? query : batch_of_one(key, options_.batch_first);
    value = pair ? key : batch_of_one(value, options_.batch_first);
    if (padding.defined()) padding = ops::unsqueeze(padding, 0);
  }
  Projected p = project(query, key, value);
  const ops::ScoreSizes size{p.q.x.sizes()[1], options_.num_heads, p.q.x.sizes()[0],
                             p.k.x.sizes()[0]};
  const int64_t more_keys = (bias_k_.defined() ? 1 : 0) + (options_.add_zero_attn ? 1 : 0);
  if (more_keys > 0) {
    p.k.x = lengthened(p.k.x, bias_k_);
    p.v.x = lengthened(p.v.x, bias_v_);
  }
  const ops::Attention result = ops::attention(
      p.q, p.k, p.v,
      {.heads = options_.num_heads,
       .features = options_.embed_dim,
       .mask = ops::attention_mask(input_or_none(inputs, 4), padding, size, more_keys, p.q.x),
       .dropout = training() ? options_.dropout : 0,
       .want_weights = options_.need_weights},
      default_generator());
  Tensor output =
      (*out_proj_)(options_.batch_first ? ops::transpose(result.output, 0, 1) : result.output);
  if (!batched) output = ops::squeeze(output, options_.batch_first ? 0 : 1);
  if (!options_.need_weights) return {output, Tensor()};
  Tensor weights = result.weights;
  if (options_.average_attn_weights) weights = ops::mean(weights, Dims{1});
  if (!batched) weights = ops::squeeze(weights, 0);
  return {output, weights};
}

}  // namespace nw::nn
