#pragma once

#include "core/backend/backend.h"

namespace nw::cuda {

/// A convolution as cuDNN is told of it, and all that the choice of its algorithm depends on. One
/// spatial dimension becomes two, the first of size 1.
struct ConvShape {
  DType dtype = DType::Float32;
  int device = 0;
  bool innermost = false;  // the channels lie innermost, in x, y and weight alike
  bool tf32 = false;       // float32 numbers may be rounded
  bool measured = false;   // algorithms are tried out
  int rank = 0;            // of x: 4 or 5
  int groups = 1;
  int x[5] = {}, weight[5] = {}, y[5] = {};
  int padding[3] = {}, stride[3] = {}, dilation[3] = {};

  /// `x` and `y`: sizes (N, C, spatial…).
  ConvShape(const Dims& x_sizes, const Dims& weight_sizes, const Dims& y_sizes,
            const Window& window);

  /// Whether cuDNN takes it: something to do, numbers that fit, and as many windows as there is
  /// room for (a transposed convolution may have fewer).
  bool is_plain() const;
  /// Strides of dense memory with these sizes in the layout of the shape.
  void strides_of(const int* sizes, int* strides) const;

  friend bool operator==(const ConvShape&, const ConvShape&) = default;

 private:
  bool fits_ = true;
};

struct ConvShapeHash {
  size_t operator()(const ConvShape& shape) const;
};

}  // namespace nw::cuda
