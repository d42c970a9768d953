#pragma once

#include "core/backend/kernel_types.h"
#include "core/tensor/tensor.h"

namespace nw {

/// Taking and putting elements by index, and putting them in order. Everything is dense row-major
/// unless a line says otherwise; indices are int64 and in range (checked by the kernel, which
/// throws Error).
struct IndexKernels {
  /// x (outer, size, inner), index (n) -> out (outer, n, inner); any dtype
  void (*index_select)(const Tensor& x, const Tensor& index, const Tensor& out);
  /// out (outer, size, inner) += source (outer, n, inner) at the n indices
  void (*index_add)(const Tensor& source, const Tensor& index, const Tensor& out);
};

}  // namespace nw
