#pragma once

#include "core/backend/kernel_types.h"
#include "core/tensor/tensor.h"

namespace nw {

/// Normalisation. Dense row-major, floating point; weight and bias may be undefined.
struct NormKernels {
  /// x (N, C, inner) -> mean (C) and biased variance (C) over N and inner
  void (*channel_statistics)(const Tensor& x, const Tensor& mean, const Tensor& variance);
  /// y = (x − mean) · rstd · weight + bias for each channel of x (N, C, inner)
  void (*channel_norm)(const Tensor& x, const Tensor& mean, const Tensor& rstd,
                       const Tensor& weight, const Tensor& bias, const Tensor& y);
  /// x (rows, columns) -> y, mean (rows), rstd (rows); weight and bias (columns)
  void (*row_norm)(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                   const Tensor& y, const Tensor& mean, const Tensor& rstd);
};

}  // namespace nw
