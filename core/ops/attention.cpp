#include "core/ops/attention.h"

#include <cmath>

#include "core/autograd/record.h"
#include "core/backend/attention_kernels.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/matmul.h"
#include "core/ops/promotion.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"
#include "core/ops/softmax.h"

namespace nw::ops {
namespace {

constexpr std::string_view kOp = "attention";

/// Where the three projections lie: in one to three tensors.
struct Sources {
  Tensors tensors;
  std::array<size_t, 3> of{};      // which tensor has q, k, v
  std::array<int64_t, 3> first{};  // and from which feature on
};

/// Sizes of one call.
struct Extents {
  int64_t batch, heads, queries, keys, width;

  Dims scores() const { return Dims{batch, heads, queries, keys}; }
};

Sources gather(const std::array<const Projection*, 3>& projections) {
  Sources out;
  for (size_t i = 0; i < 3; ++i) {
    size_t at = 0;
    while (at < out.tensors.size() && !out.tensors[at].is_same(projections[i]->x)) ++at;
    if (at == out.tensors.size()) out.tensors.push_back(projections[i]->x);
    out.of[i] = at;
    out.first[i] = projections[i]->first;
  }
  return out;
}

/// (B, heads, L, width) of one projection in `x` (L, B, features), whose features lie side by side.
Tensor heads_of(const Tensor& x, int64_t first, const Extents& size) {
  const Dims& strides = x.strides();
  return x.as_strided(Dims{size.batch, size.heads, x.sizes()[0], size.width},
                      Dims{strides[1], size.width, strides[0], strides[2]}, x.offset() + first);
}

Tensor with_features_together(const Tensor& x) {
  return x.sizes()[2] == 1 || x.strides()[2] == 1 ? x : raw::contiguous(x);
}

/// Memory for (L, B, features) whose batch lies outermost where that of x (L, B, …) does: what
/// came in batch first goes out so, without a copy.
Tensor new_ordered_as(const Tensor& x, const Dims& sizes) {
  if (x.strides()[0] >= x.strides()[1]) return new_result(sizes, x);
  const Tensor dense = new_result(Dims{sizes[1], sizes[0], sizes[2]}, x);
  const Dims& strides = dense.strides();
  return dense.as_strided(sizes, Dims{strides[1], strides[0], strides[2]}, 0);
}

void check(const Projection& q, const Projection& k, const Projection& v,
           const AttentionOptions& options) {
  if (!autocast::is_on(q.x.device())) {  // where products round what they are given
    check_alike(q.x, k.x, kOp);
    check_alike(q.x, v.x, kOp);
    if (options.mask.defined()) check_alike(q.x, options.mask, kOp);
  }
  for (const Projection* one : {&q, &k, &v}) {
    NW_CHECK(one->x.dim() == 3 && one->first + options.features <= one->x.sizes()[2], "[", kOp,
             "] expects (L, N, ", options.features, "), gets ", to_string(one->x.sizes()));
  }
  NW_CHECK(k.x.sizes()[0] == v.x.sizes()[0], "[", kOp, "] expects as many keys as values, gets ",
           k.x.sizes()[0], " and ", v.x.sizes()[0]);
  NW_CHECK(q.x.sizes()[1] == k.x.sizes()[1] && k.x.sizes()[1] == v.x.sizes()[1], "[", kOp,
           "] expects one batch size, gets ", q.x.sizes()[1], ", ", k.x.sizes()[1], " and ",
           v.x.sizes()[1]);
  NW_CHECK(options.heads > 0 && options.features % options.heads == 0, "[", kOp, "] features (",
           options.features, ") must be divisible by heads (", options.heads, ")");
}

Extents extents_of(const Projection& q, const Projection& k, const AttentionOptions& options) {
  return {q.x.sizes()[1], options.heads, q.x.sizes()[0], k.x.sizes()[0],
          options.features / options.heads};
}

/// 1 where a weight stays, else 0; undefined without dropout.
Tensor draw_kept(const Extents& size, const AttentionOptions& options, const Tensor& like,
                 Generator& generator) {
  // As PyTorch, which takes for none what is not above 0.
  if (!(options.dropout > 0)) return {};
  NW_CHECK(options.dropout <= 1, "[", kOp, "] dropout must be at most 1 while training, is ",
           options.dropout);
  const Tensor kept = new_result(size.scores(), like);
  if (kept.numel() == 0) return kept;
  if (options.dropout == 1) {
    raw::fill_(kept, 0);
  } else {
    kernels_of(like).bernoulli(generator, 1 - options.dropout, kept);
  }
  return kept;
}

/// What a weight that stays is multiplied by, rounded as x's own dtype would.
double keep_scale(double dropout, DType dtype) {
  if (dropout == 1) return 0;
  return dtype == DType::Float64 ? 1 / (1 - dropout)
                                 : static_cast<double>(1.0f / static_cast<float>(1 - dropout));
}

Tensor dropped(const Tensor& weights, const Tensor& kept, double scale) {
  if (!kept.defined()) return weights;
  const Tensor product = new_result(weights.sizes(), weights);
  kernels_of(weights).binary(BinaryOp::Mul, weights, kept, product);
  const Tensor out = new_result(weights.sizes(), weights);
  kernels_of(weights).affine(product, scale, 0, out);
  return out;
}

/// What backward needs beside the tensors.
struct Recipe {
  std::array<size_t, 3> of;
  std::array<int64_t, 3> first;
  Extents size;
  double scale, keep_scale;
  Dims mask_sizes;

  /// saved: the sources, what dropout kept, the weights. grads: of the output and the weights.
  void operator()(const autograd::Node& node, const Tensors& grads, Tensors& grad_inputs,
                  const Tensors& saved) const {
    const size_t sources = saved.size() - 2;
    Tensors gradients;
    for (size_t i = 0; i < sources; ++i)
      gradients.push_back(new_ordered_as(saved[i], saved[i].sizes()));
    const auto head = [&](const Tensors& from, size_t i) {
      return heads_of(from[of[i]], first[i], size);
    };
    const Tensor& weights = saved[sources + 1];
    Tensor grad = grads[0].defined() ? with_features_together(grads[0]) : Tensor();
    if (!grad.defined()) {
      grad = new_result(Dims{size.queries, size.batch, size.heads * size.width}, weights);
      raw::fill_(grad, 0);
    }
    const Tensor grad_weights = grads[1].defined() ? raw::contiguous(grads[1]) : Tensor();
    const Tensor grad_mask =
        node.needs_grad(sources) ? new_result(size.scores(), weights) : Tensor();
    kernels_of(weights).attention->backward(
        head(saved, 0), head(saved, 1), head(saved, 2), saved[sources], scale, keep_scale, weights,
        heads_of(grad, 0, size), grad_weights, head(gradients, 0), head(gradients, 1),
        head(gradients, 2), grad_mask);
    for (size_t i = 0; i < sources; ++i) grad_inputs[i] = gradients[i];
    if (grad_mask.defined()) grad_inputs[sources] = sum_to(grad_mask, mask_sizes);
  }
};

Attention fused(Sources sources, const Extents& size, const AttentionOptions& options,
                Generator& generator) {
  Tensors inputs = sources.tensors;
  for (Tensor& x : sources.tensors) x = with_features_together(x);
  const Tensor& like = sources.tensors[0];
  const auto head = [&](size_t i) {
    return heads_of(sources.tensors[sources.of[i]], sources.first[i], size);
  };
  const Tensor kept = draw_kept(size, options, like, generator);
  Recipe recipe{sources.of,
                sources.first,
                size,
                1 / std::sqrt(static_cast<double>(size.width)),
                keep_scale(options.dropout, like.dtype()),
                options.mask.defined() ? options.mask.sizes() : Dims()};
  const Tensor mask = options.mask.defined() ? raw::expand(options.mask, size.scores()) : Tensor();
  const Tensor weights = new_result(size.scores(), like);
  const Tensor out = new_ordered_as(sources.tensors[sources.of[0]],
                                    Dims{size.queries, size.batch, size.heads * size.width});
  kernels_of(like).attention->forward(head(0), head(1), head(2), mask, kept, recipe.scale,
                                      recipe.keep_scale, weights, heads_of(out, 0, size));
  Tensors outputs{out};
  if (options.want_weights) outputs.push_back(dropped(weights, kept, recipe.keep_scale));
  bool needs_record = autograd::needs_record(options.mask);
  for (const Tensor& input : inputs) needs_record = needs_record || autograd::needs_record(input);
  if (needs_record) {
    inputs.push_back(options.mask);
    Tensors saved = sources.tensors;
    saved.push_back(kept);
    saved.push_back(weights);
    const bool two = options.want_weights;
    autograd::record(
        kOp, outputs, inputs, saved,
        [recipe = std::move(recipe), two](const autograd::Node& node, const Tensors& grads,
                                          Tensors& grad_inputs, const Tensors& kept_tensors) {
          const Tensors both{grads[0], two ? grads[1] : Tensor()};
          recipe(node, both, grad_inputs, kept_tensors);
        });
  }
  return {out, options.want_weights ? outputs[1] : Tensor()};
}

}  // namespace

Attention composed_attention(const Projection& q, const Projection& k, const Projection& v,
                             const AttentionOptions& options, Generator& generator) {
  check(q, k, v, options);
  const Extents size = extents_of(q, k, options);
  const auto heads = [&](const Projection& projection) {
    const Tensor features = narrow(projection.x, 2, projection.first, options.features);
    const Dims sizes{features.sizes()[0], size.batch, size.heads, size.width};
    return permute(reshape(features, sizes), Dims{1, 2, 0, 3});
  };
  const double scale = 1 / std::sqrt(static_cast<double>(size.width));
  Tensor scores = matmul(mul(heads(q), scale), transpose(heads(k), 2, 3));
  if (options.mask.defined()) scores = add(scores, to(options.mask, scores.dtype()));
  Tensor weights = softmax(scores, 3);
  if (const Tensor kept = draw_kept(size, options, weights, generator); kept.defined()) {
    weights = mul(weights, affine(kept, keep_scale(options.dropout, kept.dtype()), 0));
  }
  const Tensor mixed = permute(matmul(weights, heads(v)), Dims{2, 0, 1, 3});
  const Tensor out = reshape(mixed, Dims{size.queries, size.batch, options.features});
  return {out, options.want_weights ? weights : Tensor()};
}

Attention attention(const Projection& q, const Projection& k, const Projection& v,
                    const AttentionOptions& options, Generator& generator) {
  check(q, k, v, options);
  if (kernels_of(q.x).attention == nullptr || autocast::is_on(q.x.device())) {
    return composed_attention(q, k, v, options, generator);
  }
  return fused(gather({&q, &k, &v}), extents_of(q, k, options), options, generator);
}

}  // namespace nw::ops
