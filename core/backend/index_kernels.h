#pragma once

#include <cstdint>
#include <span>

#include "core/tensor/tensor.h"

namespace nw {

/// What happens where an element is put: it takes the place, or is added.
enum class PutMode : uint8_t { Set, Add };

/// Taking and putting elements by index, and putting them in order. Every dtype (sort and topk: not
/// complex), any strides unless a line says otherwise; indices are int64. A kernel that is given an
/// index out of range throws Error before it writes. Results do not depend on the thread count:
/// what is put to one place is put in the order of the indices.
struct IndexKernels {
  /// x (outer, size, inner), index (n) -> out (outer, n, inner)
  void (*index_select)(const Tensor& x, const Tensor& index, const Tensor& out);
  /// out (outer, size, inner) += source (outer, n, inner) at the n indices
  void (*index_add)(const Tensor& source, const Tensor& index, const Tensor& out);

  /// out[…, i, …] = x[…, index[…, i, …], …] along `dim`; out has index's sizes
  void (*gather)(const Tensor& x, const Tensor& index, int64_t dim, const Tensor& out);
  /// out[…, index[…, i, …], …] = or += source[…, i, …] along `dim`; source has index's sizes
  void (*scatter)(const Tensor& source, const Tensor& index, int64_t dim, PutMode mode,
                  const Tensor& out);

  /// out (n) = Σ indices[k] (n) · strides[k], all dense; indices are −sizes[k] … sizes[k]−1
  void (*offsets)(std::span<const Tensor> indices, const Dims& sizes, const Dims& strides,
                  const Tensor& out);
  /// out (n, rest…) = what lies offsets (n) elements behind the first ones of x (rest…)
  void (*take)(const Tensor& x, const Tensor& offsets, const Tensor& out);
  /// the other way round: source (n, rest…) is put behind the first ones of out (rest…)
  void (*put)(const Tensor& source, const Tensor& offsets, PutMode mode, const Tensor& out);

  /// out = value (one element, out's dtype) where mask (bool, out's sizes)
  void (*masked_fill)(const Tensor& mask, const Tensor& value, const Tensor& out);
  /// count (scalar, int64): how many elements are not 0
  void (*count_nonzero)(const Tensor& x, const Tensor& count);
  /// out (count, rank), dense int64: where they are, in row-major order
  void (*nonzero)(const Tensor& x, const Tensor& out);
  /// out = x with 0 below (`upper`) or above the diagonal of the last two dimensions
  void (*triangle)(const Tensor& x, int64_t diagonal, bool upper, const Tensor& out);

  /// values and int64 indices of x's sizes, stable along `dim`; NaN counts as largest
  void (*sort)(const Tensor& x, int64_t dim, bool descending, const Tensor& values,
               const Tensor& indices);
  /// the first k of the same order, k the size of values along `dim`
  void (*topk)(const Tensor& x, int64_t dim, bool largest, const Tensor& values,
               const Tensor& indices);
};

}  // namespace nw
