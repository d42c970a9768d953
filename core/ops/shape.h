#pragma once

#include "core/tensor/tensor.h"

namespace nw::ops {

/// The same elements in row-major order with other sizes; one size may be −1, which takes the rest.
/// A view where x is dense, else of a copy.
Tensor reshape(const Tensor& x, const Dims& sizes);
/// Joins the dimensions start … end to one (torch.flatten); a scalar becomes (1).
Tensor flatten(const Tensor& x, int64_t start_dim = 0, int64_t end_dim = -1);
/// A view with two dimensions exchanged.
Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1);
/// A view with sizes of 1 (or missing in front) repeated to `sizes`.
Tensor expand(const Tensor& x, const Dims& sizes);
}  // namespace nw::ops
