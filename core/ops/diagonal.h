#pragma once

#include "core/tensor/tensor.h"

/// Diagonals made and taken; ops/slice.h has the view of one. Every dtype. `offset` > 0 lies above
/// the main one. The names and rules are torch's.
namespace nw::ops {

/// x (…, n) as the diagonal of matrices of zeros, which take the dimensions dim1 and dim2.
Tensor diag_embed(const Tensor& x, int64_t offset = 0, int64_t dim1 = -2, int64_t dim2 = -1);
/// Of a vector the matrix with it as diagonal, of a matrix its diagonal, copied.
Tensor diag(const Tensor& x, int64_t offset = 0);
/// The sum of the diagonal of a matrix; of whole numbers and bool in int64.
Tensor trace(const Tensor& x);

}  // namespace nw::ops
