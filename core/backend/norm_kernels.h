#pragma once

#include "core/backend/kernel_types.h"
#include "core/tensor/tensor.h"

namespace nw {

/// How running statistics take up those of a batch.
struct BatchTracking {
  double momentum = 0.1;
  bool cumulative = false;  // momentum = 1 / number of batches
};

/// What becomes of the rows of a bag.
enum class BagMode : uint8_t { Sum, Mean, Max };

/// Bags of rows: bag b holds index[offsets[b]] … index[offsets[b + 1] − 1], the last one of B = the
/// rows of the result may end with the index. Entries equal to `padding` are left out; −1: none.
struct Bags {
  BagMode mode = BagMode::Mean;
  int64_t padding = -1;
};

/// Normalisation, and the rows of embeddings. Floating point, and dense row-major where no line
/// says otherwise; weight and bias may be undefined. Statistics that are saved have x's dtype, or
/// float32 where that has 16 bits. Gradients that nobody wants are undefined and not computed.
struct NormKernels {
  // --- x (N, C, …), not empty: row-major, or all that has its sizes channels-last. Weight, bias,
  // running statistics (C): each of x's dtype, or float32 where that has 16 bits ---
  /// y = (x − mean) · rstd · weight + bias, mean and rstd = 1/√(biased variance + eps) (C), each
  /// over all but the channels; rstd is 0 where variance and eps are. Unless they are undefined,
  /// batches (int64 scalar) += 1, and the running mean and unbiased variance move towards those of
  /// the batch. kept: what batch_norm_grad wants besides, made here; stays undefined if nothing.
  void (*batch_norm)(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                     const BatchTracking& tracking, const Tensor& batches,
                     const Tensor& running_mean, const Tensor& running_variance, const Tensor& y,
                     const Tensor& mean, const Tensor& rstd, Tensor& kept);
  void (*batch_norm_grad)(const Tensor& grad, const Tensor& x, const Tensor& mean,
                          const Tensor& rstd, const Tensor& kept, const Tensor& weight, double eps,
                          const Tensor& grad_x, const Tensor& grad_weight, const Tensor& grad_bias);
  /// y by a mean and variance that are given
  void (*batch_norm_fixed)(const Tensor& x, const Tensor& mean, const Tensor& variance,
                           const Tensor& weight, const Tensor& bias, double eps, const Tensor& y);
  void (*batch_norm_fixed_grad)(const Tensor& grad, const Tensor& x, const Tensor& mean,
                                const Tensor& variance, const Tensor& weight, double eps,
                                const Tensor& grad_x, const Tensor& grad_weight,
                                const Tensor& grad_bias);

  /// x (samples, groups, channels, inner), weight and bias (groups, channels): y, mean and rstd =
  /// 1/√(variance + eps) (samples, groups), each over channels and inner
  void (*group_norm)(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                     const Tensor& y, const Tensor& mean, const Tensor& rstd);
  void (*group_norm_grad)(const Tensor& grad, const Tensor& x, const Tensor& mean,
                          const Tensor& rstd, const Tensor& weight, const Tensor& grad_x,
                          const Tensor& grad_weight, const Tensor& grad_bias);

  // --- rows of weight (rows, columns), named by index (n), int64; throw Error for one outside ---
  /// Scales the rows of `weight` that index names and whose norm of degree p is above max_norm, by
  /// max_norm / (norm + 1e-7)
  void (*renorm_rows)(const Tensor& index, double max_norm, double p, const Tensor& weight);
  /// offsets int64, scales (n) or undefined -> out (B, columns), 0 for an empty bag; chosen, int64
  /// of the same sizes and undefined but for Max: which row each number is from, −1 for none
  void (*bag_rows)(const Bags& bags, const Tensor& index, const Tensor& offsets,
                   const Tensor& weight, const Tensor& scales, const Tensor& chosen,
                   const Tensor& out);
  /// grad (B, columns) -> grad_weight, written whole, and grad_scales; `by_frequency` divides by
  /// how often index names the row
  void (*bag_rows_grad)(const Bags& bags, bool by_frequency, const Tensor& grad,
                        const Tensor& index, const Tensor& offsets, const Tensor& weight,
                        const Tensor& scales, const Tensor& chosen, const Tensor& grad_weight,
                        const Tensor& grad_scales);
};

}  // namespace nw
