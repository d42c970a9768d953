#pragma once

#include <array>
#include <cstdint>

#include "core/backend/backend.h"

namespace nw::cpu {

using Spatial = std::array<int64_t, 3>;

/// Windows over (planes…, depth, height, width); one and two dimensions are three with leading
/// ones.
struct WindowGeometry {
  Spatial in{1, 1, 1};
  Spatial out{1, 1, 1};
  Spatial kernel{1, 1, 1};
  Spatial stride{1, 1, 1};
  Spatial padding{0, 0, 0};
  Spatial dilation{1, 1, 1};

  /// `in` and `out`: sizes (N, C, spatial…).
  WindowGeometry(const Dims& in_sizes, const Dims& out_sizes, const Window& window);

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }

  friend bool operator==(const WindowGeometry&, const WindowGeometry&) = default;
};

struct ConvGeometry {
  int64_t batch, in_channels, out_channels, groups;
  WindowGeometry window;
  bool innermost = false;  // x and y have the channels innermost in memory

  /// x (N, C, …), y (N, out, …)
  ConvGeometry(const Dims& x, const Dims& y, const Window& shape);

  /// Numbers of one sample of x and y, and of the weight.
  int64_t in_numel() const { return in_channels * window.in_size(); }
  int64_t out_numel() const { return out_channels * window.out_size(); }
  int64_t weight_numel() const {
    return out_channels * (in_channels / groups) * window.kernel_size();
  }

  /// Some size is 0: there is nothing to multiply.
  bool has_nothing() const {
    return batch * in_channels * out_channels * window.in_size() * window.out_size() == 0;
  }

  /// There are as many windows as fit. Transposed convolution may have fewer.
  bool is_snug() const;

  friend bool operator==(const ConvGeometry&, const ConvGeometry&) = default;
};

}  // namespace nw::cpu
