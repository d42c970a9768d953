#pragma once

#include "core/backend/norm_kernels.h"
#include "plugins/cuda/kernels/convert.h"

/// The entries of NormKernels that run on the device; their contracts stand in
/// core/backend/norm_kernels.h.
namespace nw::cuda {

void batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                const Tensor& y, const Tensor& mean, const Tensor& variance);
void batch_norm_fixed(const Tensor& x, const Tensor& mean, const Tensor& variance,
                      const Tensor& weight, const Tensor& bias, double eps, const Tensor& y);
void batch_norm_grad(const Tensor& grad, const Tensor& x, const Tensor& mean,
                     const Tensor& variance, const Tensor& weight, double eps, bool fixed,
                     const Tensor& grad_x, const Tensor& grad_weight, const Tensor& grad_bias);
void track(const BatchTracking& tracking, const Tensor& mean, const Tensor& variance,
           const Tensor& batches, const Tensor& running_mean, const Tensor& running_variance);

void group_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                const Tensor& y, const Tensor& mean, const Tensor& rstd);
void group_norm_grad(const Tensor& grad, const Tensor& x, const Tensor& mean, const Tensor& rstd,
                     const Tensor& weight, const Tensor& grad_x, const Tensor& grad_weight,
                     const Tensor& grad_bias);

}  // namespace nw::cuda
