#pragma once

#include "core/tensor/tensor.h"

namespace nw::ops {

/// a (M, K) · b (K, N) -> (M, N).
Tensor matmul(const Tensor& a, const Tensor& b);

/// x (…, in) · weightᵀ (out, in) + bias (out) -> (…, out); bias may be undefined. Throws Error with
/// the remedy in_features when the last dimension does not fit.
/// Source: torch.nn.functional.linear.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace nw::ops
