#pragma once

#include "core/backend/norm_kernels.h"

/// The CPU's normalisation; contracts stand in core/backend/norm_kernels.h.
namespace nw::cpu {

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
void renorm_rows(const Tensor& index, double max_norm, double p, const Tensor& weight);
void bag_rows(const Bags& bags, const Tensor& index, const Tensor& offsets, const Tensor& weight,
              const Tensor& scales, const Tensor& chosen, const Tensor& out);
void bag_rows_grad(const Bags& bags, bool by_frequency, const Tensor& grad, const Tensor& index,
                   const Tensor& offsets, const Tensor& weight, const Tensor& scales,
                   const Tensor& chosen, const Tensor& grad_weight, const Tensor& grad_scales);

extern const NormKernels kNormKernels;

}  // namespace nw::cpu
