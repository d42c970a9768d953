#pragma once

#include "core/backend/backend.h"
#include "plugins/cuda/dense_sizes.h"

namespace nw::cuda {

/// What pooling takes of a window.
enum class Pooled : uint8_t { Largest, MeanWithPadding, MeanWithoutPadding };

/// Pooling as cuDNN is told of it: windows in two or three dimensions.
struct PoolShape {
  DType dtype;
  int device;
  Pooled pooled;
  bool innermost;  // the channels lie innermost, in x and y
  DenseSizes x, y;
  int kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, padding[3] = {};

  /// x (N, C, spatial…) -> y.
  PoolShape(Pooled what, const Tensor& x, const Tensor& y, const Window& window);

  /// Whether cuDNN pools as PyTorch does: not bfloat16, no dilation, and as many windows as fit (in
  /// PyTorch there may be one more, which counts less padding than it covers).
  bool is_for_cudnn() const;

  friend bool operator==(const PoolShape&, const PoolShape&) = default;

 private:
  bool fits_ = true;
};
size_t hash_of(const PoolShape& shape);

}  // namespace nw::cuda
