#pragma once

#include <optional>

#include "core/backend/backend.h"

namespace nw::cuda {

/// A convolution with fewer windows than x has room for, which a transposed one may be and cuDNN
/// does not know: it is the same as one without padding over a part of x, framed with zeros.
struct SpareRoom {
  Window window;   // without padding
  Dims framed;     // the sizes of that x
  Dims lengths;    // of what x and the framed one have in common,
  Dims in_x;       // where that begins in x,
  Dims in_framed;  // and there

  /// None: there is no room to spare, or not enough.
  static std::optional<SpareRoom> of(const Dims& x_sizes, const Dims& weight_sizes,
                                     const Dims& y_sizes, const Window& window);

  /// x as that convolution reads it.
  Tensor frame(const Tensor& x) const;
  /// The slope of x from that of the framed one.
  void unframe(const Tensor& grad, const Tensor& grad_x) const;
};

}  // namespace nw::cuda
