#pragma once

#include "core/base/random.h"
#include "core/tensor/tensor.h"

namespace nw::ops {

/// Queries, keys or values of all heads: the features first … first + E − 1 of x (L, B, features),
/// the heads side by side. Projections that share one x must fill it without overlapping.
struct Projection {
  Tensor x;
  int64_t first = 0;
};

struct AttentionOptions {
  int64_t heads = 1;
  int64_t features = 1;       // E, of all heads
  Tensor mask = {};           // added to the scores; broadcasts to (B, heads, T, S); or undefined
  double dropout = 0;         // probability with which a weight becomes 0
  bool want_weights = false;  // else they come out undefined
};

struct Attention {
  Tensor output;   // (T, B, E)
  Tensor weights;  // (B, heads, T, S), after dropout
};

/// softmax(q·kᵀ / √(E / heads) + mask)·v for each head: q (T, B, E), k and v (S, B, E). A query
/// whose keys are all masked (−∞) gets NaN. Dropout draws one number a weight from `generator`.
/// One floating dtype. Source: Vaswani et al. 2017; torch.nn.functional.
Attention attention(const Projection& q, const Projection& k, const Projection& v,
                    const AttentionOptions& options, Generator& generator);

/// How many scores attention has.
struct ScoreSizes {
  int64_t batch, heads, queries, keys;
};
/// AttentionOptions::mask of torch's two masks, either of which may be undefined: attn_mask (T, S)
/// or (B·heads, T, S) and key_padding_mask (B, S), of bool (true: not to be looked at) or floating
/// point (added). `more_keys` behind the others are never masked. Of `like`'s dtype where both are
/// bool.
Tensor attention_mask(const Tensor& attn_mask, const Tensor& key_padding_mask,
                      const ScoreSizes& size, int64_t more_keys, const Tensor& like);

/// (size, size) with −∞ above the diagonal, else 0: each position sees itself and those before it.
/// On default_device(). Source: torch.nn.Transformer.generate_square_subsequent_mask.
Tensor square_subsequent_mask(int64_t size, DType dtype = DType::Float32);

/// attention() of smaller ops, which attention() uses where a backend has no kernel for the whole.
Attention composed_attention(const Projection& q, const Projection& k, const Projection& v,
                             const AttentionOptions& options, Generator& generator);

}  // namespace nw::ops
