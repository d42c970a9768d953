#include "core/ops/diagonal.h"

#include <array>
#include <cstdlib>

#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/comparison.h"
#include "core/ops/creation.h"
#include "core/ops/join.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"

namespace nw::ops {

Tensor diag_embed(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  NW_CHECK(x.dim() > 0, "[diag_embed] expects at least one dimension, gets a scalar");
  const int64_t first = wrap_dim(dim1, x.dim() + 1, "diag_embed");
  const int64_t second = wrap_dim(dim2, x.dim() + 1, "diag_embed");
  NW_CHECK(first != second, "[diag_embed] expects two dimensions, gets ", dim1, " and ", dim2);
  // x as the column whose row i holds what stands in row i of the matrix.
  Dims gap = x.sizes();
  gap.back() = std::abs(offset);
  const Tensor none = zeros(gap, x.dtype(), x.device());
  const std::array parts = offset > 0 ? std::array{x, none} : std::array{none, x};
  const Tensor column = offset == 0 ? x : cat(parts, -1);
  const int64_t size = column.size(-1);
  const Tensor numbers = arange(0, size, 1, DType::Int64, x.device());
  const Tensor on_diagonal = eq(sub(numbers, unsqueeze(numbers, 1)), offset);
  const Tensor matrices =
      where(on_diagonal, unsqueeze(column, -1), zeros({}, x.dtype(), x.device()));
  return movedim(matrices, Dims{-2, -1}, Dims{first, second});
}

Tensor diag(const Tensor& x, int64_t offset) {
  NW_CHECK(x.dim() == 1 || x.dim() == 2, "[diag] expects a vector or a matrix, gets ",
           to_string(x.sizes()));
  if (x.dim() == 1) return diag_embed(x, offset);
  const int64_t room = offset < 0 ? x.size(0) + offset : x.size(1) - offset;
  NW_CHECK(room >= 0, "[diag] offset ", offset, " lies outside ", to_string(x.sizes()));
  return clone(diagonal(x, offset));
}

Tensor trace(const Tensor& x) {
  if (const auto cast = autocast::run(autocast::kFloat32OnCpu, trace, x)) return *cast;
  NW_CHECK(x.dim() == 2, "[trace] expects a matrix, gets ", to_string(x.sizes()));
  return sum(diagonal(x));
}

}  // namespace nw::ops
