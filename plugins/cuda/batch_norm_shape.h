#pragma once

#include "core/backend/norm_kernels.h"
#include "plugins/cuda/dense_sizes.h"

namespace nw::cuda {

/// Batch normalisation as cuDNN is told of it.
struct BatchNormShape {
  DType dtype;
  int device;
  bool innermost;  // the channels lie innermost
  DenseSizes x;

  explicit BatchNormShape(const Tensor& x);

  friend bool operator==(const BatchNormShape&, const BatchNormShape&) = default;
};
size_t hash_of(const BatchNormShape& shape);

/// What a call brings besides x. Undefined tensors are not there.
struct BatchNormCall {
  double eps;
  Tensor weight;
  Tensor bias;
  Tensor running_mean;
  Tensor running_variance;
  BatchTracking tracking = {};
};

/// Whether cuDNN takes it. What it has no code for, what it would compute differently from PyTorch,
/// and where PyTorch takes its own code, is left to ours: bfloat16, numbers without spatial
/// dimensions, a missing weight or bias, eps = 0 (which PyTorch has a meaning for, even without
/// spread), very many samples, running statistics whose momentum only the device knows or is none,
/// or that are coarser than cuDNN's. Source: PyTorch's choice in
/// aten/src/ATen/native/Normalization.cpp.
bool trains_by_cudnn(const BatchNormShape& shape, const BatchNormCall& call);
bool evaluates_by_cudnn(const BatchNormShape& shape, const BatchNormCall& call);
/// The gradients of weight and bias may be undefined. Where that of x is, ours has less to do.
bool differentiates_by_cudnn(const BatchNormShape& shape, double eps, const Tensor& weight,
                             const Tensor& grad_x, const Tensor& grad_weight,
                             const Tensor& grad_bias);

}  // namespace nw::cuda
