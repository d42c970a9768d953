#pragma once

#include "core/base/random.h"
#include "core/tensor/tensor.h"

namespace nw::ops {

/// Zeroes each element with probability p and divides the others by 1 − p; p = 1 gives x · 0.
/// Draws one number an element in row-major order. Source: torch.nn.functional.dropout.
Tensor dropout(const Tensor& x, double p, Generator& generator);

}  // namespace nw::ops
