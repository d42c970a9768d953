#pragma once

#include "core/tensor/tensor.h"

/// The kernels of matrix products without history.
namespace nw::ops {

/// A view with the last two dimensions exchanged, conjugated where complex: what backward
/// multiplies with.
Tensor adjoint(const Tensor& x);
/// (M, K) · (K, N) -> (M, N)
Tensor product(const Tensor& a, const Tensor& b);
/// (B, M, K) · (B, K, N) -> (B, M, N)
Tensor batched_product(const Tensor& a, const Tensor& b);

}  // namespace nw::ops
