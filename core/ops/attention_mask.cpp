#include <array>
#include <limits>

#include "core/backend/creation.h"
#include "core/ops/attention.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/index.h"
#include "core/ops/join.h"
#include "core/ops/shape.h"

namespace nw::ops {
namespace {

constexpr std::string_view kOp = "MultiheadAttention";

/// attn_mask as (1, 1, T, S) or (B, H, T, S); bytes become bool.
Tensor scores_mask(const Tensor& given, const ScoreSizes& size) {
  const Tensor mask = given.dtype() == DType::UInt8 ? raw::to(given, DType::Bool) : given;
  NW_CHECK(mask.dtype() == DType::Bool || is_floating(mask.dtype()), "[", kOp,
           "] expects an attn_mask of bool or floating point, gets ", name(mask.dtype()));
  const Dims flat{size.queries, size.keys};
  const Dims each{size.batch * size.heads, size.queries, size.keys};
  NW_CHECK(mask.sizes() == flat || mask.sizes() == each, "[", kOp, "] expects an attn_mask of ",
           to_string(flat), " or ", to_string(each), ", gets ", to_string(mask.sizes()));
  return mask.dim() == 2 ? reshape(mask, Dims{1, 1, size.queries, size.keys})
                         : reshape(mask, Dims{size.batch, size.heads, size.queries, size.keys});
}

/// key_padding_mask as (B, 1, 1, S).
Tensor keys_mask(const Tensor& mask, const ScoreSizes& size) {
  NW_CHECK(mask.dtype() == DType::Bool || is_floating(mask.dtype()), "[", kOp,
           "] expects a key_padding_mask of bool or floating point, gets ", name(mask.dtype()));
  const Dims sizes{size.batch, size.keys};
  NW_CHECK(mask.sizes() == sizes, "[", kOp, "] expects a key_padding_mask of ", to_string(sizes),
           ", gets ", to_string(mask.sizes()));
  return reshape(mask, Dims{size.batch, 1, 1, size.keys});
}

/// Both in one; either may be undefined.
Tensor merged(const Tensor& scores, const Tensor& keys) {
  if (!keys.defined() || !scores.defined()) return keys.defined() ? keys : scores;
  if (scores.dtype() == DType::Bool) return logical_or(scores, keys);
  NW_CHECK(keys.dtype() == DType::Bool, "[", kOp,
           "] expects a key_padding_mask of bool beside an attn_mask of floating point, gets ",
           name(keys.dtype()));
  return masked_fill(scores, keys, -std::numeric_limits<double>::infinity());
}

}  // namespace

Tensor attention_mask(const Tensor& attn_mask, const Tensor& key_padding_mask,
                      const ScoreSizes& size, int64_t more_keys, const Tensor& like) {
  const Tensor scores = attn_mask.defined() ? scores_mask(attn_mask, size) : Tensor();
  const Tensor keys = key_padding_mask.defined() ? keys_mask(key_padding_mask, size) : Tensor();
  Tensor mask = merged(scores, keys);
  if (!mask.defined()) return mask;
  if (mask.dtype() == DType::Bool) {
    mask = masked_fill(zeros(mask.sizes(), like.dtype(), like.device()), mask,
                       -std::numeric_limits<double>::infinity());
  }
  if (more_keys == 0) return mask;
  Dims sizes = mask.sizes();
  sizes.back() = more_keys;
  return cat(std::array{mask, zeros(sizes, mask.dtype(), mask.device())}, -1);
}

Tensor square_subsequent_mask(int64_t size, DType dtype) {
  const Tensor never = full(Dims{size, size}, -std::numeric_limits<double>::infinity(), dtype);
  return triu(never, 1);
}

}  // namespace nw::ops
