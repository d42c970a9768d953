#pragma once

#include "core/tensor/tensor.h"

namespace nw::ops {

/// max(0, x); the gradient at 0 is 0.
Tensor relu(const Tensor& x);
Tensor tanh(const Tensor& x);
/// 1 / (1 + e⁻ˣ)
Tensor sigmoid(const Tensor& x);

}  // namespace nw::ops
