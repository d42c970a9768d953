#pragma once

#include "core/tensor/tensor.h"

/// The activations that PyTorch also computes of numbers without a kernel for them: whole ones,
/// which stay whole where the function keeps them so, and complex ones. Compositions of exact ops.
namespace nw::ops {

/// Of whole numbers, but not bool: these have no ReLU, Hardtanh or Threshold.
bool is_whole(const Tensor& x);
/// Limits are cut off towards 0 first. Throws Error for unsigned numbers and a limit below 0.
Tensor whole_hardtanh(const Tensor& x, double least, double most);
Tensor whole_threshold(const Tensor& x, double limit, double value);

/// Of any numbers; whole ones become float32.
Tensor composed_softsign(const Tensor& x);
Tensor composed_tanhshrink(const Tensor& x);
Tensor composed_silu(const Tensor& x);

}  // namespace nw::ops
