#include <algorithm>
#include <numeric>

#include "core/backend/creation.h"
#include "core/trial/block_case.h"

namespace nw::trial {
namespace {

/// A copy whose dimensions lie in memory in the order of `order`, the innermost last; every number
/// is `gap` numbers from the next.
Tensor laid_out(const Tensor& x, const std::vector<size_t>& order, int64_t gap, int64_t offset) {
  Dims strides(order.size());
  int64_t step = gap;
  for (size_t i = order.size(); i-- > 0;) {
    strides[order[i]] = step;
    step *= std::max<int64_t>(x.sizes()[order[i]], 1);
  }
  const Tensor room = zeros(Dims{step + offset + 1}, x.dtype(), kCpu);
  const Tensor view = room.as_strided(x.sizes(), strides, offset);
  raw::copy_(view, x);
  return view;
}

/// Its first slice along one dimension, everywhere.
Tensor repeated(Draw& draw, const Tensor& x) {
  const auto at = static_cast<size_t>(draw.integer(0, x.dim() - 1));
  Dims strides = x.strides();
  strides[at] = 0;
  return x.as_strided(x.sizes(), strides, x.offset());
}

}  // namespace

Tensor arranged(Draw& draw, const Tensor& dense) {
  const auto rank = static_cast<size_t>(dense.dim());
  if (rank == 0 || dense.numel() == 0) return dense;
  std::vector<size_t> order(rank);
  std::iota(order.begin(), order.end(), size_t{0});
  const double at = draw.real(0, 1);
  if (at < 0.5) return dense;
  if (at < 0.6) {
    std::reverse(order.begin(), order.end());
    return laid_out(dense, order, 2, 1);
  }
  if (at < 0.7) return laid_out(dense, order, 1, 3);
  if (at < 0.8 && rank >= 2) {
    std::swap(order[rank - 1], order[rank - 2]);
    return laid_out(dense, order, 1, 0);
  }
  if (at < 0.92 && rank >= 3) {
    std::rotate(order.begin() + 1, order.begin() + 2, order.end());
    return laid_out(dense, order, 1, 0);
  }
  return at < 0.96 ? repeated(draw, dense) : dense;
}

}  // namespace nw::trial
