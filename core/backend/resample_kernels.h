#pragma once

#include "core/backend/kernel_types.h"
#include "core/tensor/tensor.h"

namespace nw {

/// Resampling of x (N, C, spatial…) to y with other spatial sizes. Dense row-major.
struct ResampleKernels {
  /// Takes the nearest number; one to three spatial dimensions
  void (*nearest)(const Tensor& x, const Tensor& y);
};

}  // namespace nw
