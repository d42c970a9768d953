#pragma once

#include "plugins/cuda/dense_sizes.h"

namespace nw::cuda {

/// Softmax over the middle of (outer, size, inner) as cuDNN is told of it: over channels.
struct SoftmaxShape {
  DType dtype;
  int device;
  bool logarithm;
  DenseSizes x;

  SoftmaxShape(const Tensor& x, bool logarithm);

  /// Whether cuDNN takes it: not bfloat16, nor rows that our own kernel reads once (kMostInWarp),
  /// which cuDNN, going over them again, does not beat.
  bool is_for_cudnn() const;

  friend bool operator==(const SoftmaxShape&, const SoftmaxShape&) = default;
};
size_t hash_of(const SoftmaxShape& shape);

}  // namespace nw::cuda
