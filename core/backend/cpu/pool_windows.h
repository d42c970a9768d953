#pragma once

#include <algorithm>

#include "core/backend/cpu/window_geometry.h"
#include "core/tensor/tensor.h"

/// What pooling of row-major planes and of those with the channels innermost share.
namespace nw::cpu {

/// The positions of a window along one axis that lie in the input.
struct Range {
  int64_t begin, end, step;
};
inline Range meet(const WindowGeometry& w, size_t axis, int64_t at) {
  const int64_t step = w.dilation[axis];
  const int64_t start = at * w.stride[axis] - w.padding[axis];
  const int64_t begin = start >= 0 ? start : start + (-start + step - 1) / step * step;
  return {begin, std::min(start + (w.kernel[axis] - 1) * step + 1, w.in[axis]), step};
}

/// Where an averaging window lies along one axis, and how long it counts.
struct AvgRange {
  int64_t begin, end, whole;
};
inline AvgRange avg_range(const WindowGeometry& w, size_t axis, int64_t at) {
  const int64_t start = at * w.stride[axis] - w.padding[axis];
  const int64_t end = std::min(start + w.kernel[axis], w.in[axis] + w.padding[axis]);
  return {std::max<int64_t>(start, 0), std::min(end, w.in[axis]), end - start};
}

/// Calls body(output position, divisor, the three ranges) for each window of a plane.
template <typename Body>
void for_each_average(const WindowGeometry& w, const AvgPoolMode& mode, const Body& body) {
  int64_t position = 0;
  for (int64_t d = 0; d < w.out[0]; ++d) {
    const AvgRange deep = avg_range(w, 0, d);
    for (int64_t h = 0; h < w.out[1]; ++h) {
      const AvgRange high = avg_range(w, 1, h);
      for (int64_t v = 0; v < w.out[2]; ++v, ++position) {
        const AvgRange wide = avg_range(w, 2, v);
        int64_t divisor = mode.divisor_override;
        if (divisor == 0) {
          divisor = mode.count_include_pad ? deep.whole * high.whole * wide.whole
                                           : (deep.end - deep.begin) * (high.end - high.begin) *
                                                 (wide.end - wide.begin);
        }
        body(position, divisor, deep, high, wide);
      }
    }
  }
}

/// Pooling where x and y (N, C, spatial…) have the channels innermost.
void max_pool_innermost(const Tensor& x, const Window& window, const Tensor& y,
                        const Tensor& indices);
void max_pool_grad_innermost(const Tensor& grad, const Tensor& indices, const Tensor& grad_x);
void avg_pool_innermost(const Tensor& x, const Window& window, const AvgPoolMode& mode,
                        const Tensor& y);
void avg_pool_grad_innermost(const Tensor& grad, const Window& window, const AvgPoolMode& mode,
                             const Tensor& grad_x);

}  // namespace nw::cpu
