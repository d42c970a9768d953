#include "core/ops/counting.h"

#include <algorithm>
#include <array>

#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/comparison.h"
#include "core/ops/creation.h"
#include "core/ops/index.h"
#include "core/ops/join.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"
#include "core/ops/sort.h"

namespace nw::ops {
namespace {

/// How many bins x needs.
int64_t bins_of(const Tensor& x, int64_t least_size) {
  const bool whole = !is_floating(x.dtype()) && !is_complex(x.dtype()) && x.dtype() != DType::Bool;
  NW_CHECK(x.dim() == 1 && whole, "[bincount] expects a row of whole numbers, gets ", describe(x));
  NW_CHECK(least_size >= 0, "[bincount] the least size cannot be negative, is ", least_size);
  if (x.numel() == 0) return least_size;
  NW_CHECK(min(x).item() >= 0, "[bincount] expects numbers from 0 on, gets ", min(x).item());
  return std::max(least_size, static_cast<int64_t>(max(x).item()) + 1);
}

}  // namespace

Unique unique(const Tensor& given) {
  const Tensor x = reshape(given.detach(), Dims{given.numel()});
  const Sorted order = sort(x);
  const int64_t count = x.numel();
  const Tensor numbers = arange(0, count, 1, DType::Int64, x.device());
  Tensor begins = full(Dims{count}, true, DType::Bool, x.device());
  if (count > 1) {
    const std::array parts{narrow(begins, 0, 0, 1), ne(narrow(order.values, 0, 1, count - 1),
                                                       narrow(order.values, 0, 0, count - 1))};
    begins = cat(parts, 0);
  }
  const Tensor places = masked_select(numbers, begins);
  const std::array edges{places, full(Dims{1}, count, DType::Int64, x.device())};
  const Tensor ends = narrow(cat(edges, 0), 0, 1, places.numel());
  const Tensor which = sub(cumsum(begins, 0), 1);
  return {.values = masked_select(order.values, begins),
          .inverse = reshape(scatter(numbers, 0, order.indices, which), given.sizes()),
          .counts = sub(ends, places)};
}

Tensor bincount(const Tensor& x, int64_t least_size) {
  const int64_t bins = bins_of(x, least_size);
  const Tensor ones = full(Dims{x.numel()}, 1, DType::Int64, x.device());
  return index_add(zeros(Dims{bins}, DType::Int64, x.device()), 0, raw::to(x, DType::Int64), ones);
}

Tensor bincount(const Tensor& x, const Tensor& weights, int64_t least_size) {
  const int64_t bins = bins_of(x, least_size);
  NW_CHECK(weights.sizes() == x.sizes(), "[bincount] expects a weight for each number, gets ",
           to_string(weights.sizes()), " for ", to_string(x.sizes()));
  if (x.numel() == 0) return bincount(x, least_size);
  const DType dtype = weights.dtype() == DType::Float32 ? DType::Float32 : DType::Float64;
  const Tensor none = zeros(Dims{bins}, dtype, x.device());
  return index_add(none, 0, raw::to(x, DType::Int64), raw::to(weights.detach(), dtype));
}

}  // namespace nw::ops
