#pragma once

#include "core/tensor/tensor.h"

namespace nw::ops {

/// e^x / Σ e^x along `dim`, of x's sizes.
Tensor softmax(const Tensor& x, int64_t dim);
/// Its logarithm, without overflow.
Tensor log_softmax(const Tensor& x, int64_t dim);

}  // namespace nw::ops
