#pragma once

#include "core/backend/kernel_types.h"
#include "core/tensor/tensor.h"

namespace nw {

/// Attention of all heads in one pass, optional: the composition in core/ops/attention.cpp gives
/// the same. Floating point. q (B, H, T, D), k and v (B, H, S, D) and what is shaped like them: any
/// strides, the last 1. mask (B, H, T, S): any strides, or undefined. kept dense (B, H, T, S): 1
/// for each weight that dropout leaves, else 0; undefined without dropout. All else dense.
struct AttentionKernels {
  /// weights (B, H, T, S) = softmax(q·kᵀ·scale + mask), before dropout; out (B, H, T, D) = the
  /// weights, times kept·keep_scale, · v
  void (*forward)(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                  const Tensor& kept, double scale, double keep_scale, const Tensor& weights,
                  const Tensor& out);
  /// grad_out of out, grad_weights (or undefined) of the weights after dropout -> gradients like q,
  /// k, v and, unless it is undefined, of the mask: grad_mask (B, H, T, S)
  void (*backward)(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& kept,
                   double scale, double keep_scale, const Tensor& weights, const Tensor& grad_out,
                   const Tensor& grad_weights, const Tensor& grad_q, const Tensor& grad_k,
                   const Tensor& grad_v, const Tensor& grad_mask);
};

}  // namespace nw
