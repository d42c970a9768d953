#include "core/backend/cpu/window_geometry.h"

namespace nw::cpu {

WindowGeometry::WindowGeometry(const Dims& in_sizes, const Dims& out_sizes, const Window& window) {
  const size_t spatial = window.kernel.size();
  NW_ASSERT(spatial >= 1 && spatial <= 3 && in_sizes.size() >= spatial);
  const size_t lead = 3 - spatial;
  for (size_t i = 0; i < spatial; ++i) {
    in[lead + i] = in_sizes[in_sizes.size() - spatial + i];
    out[lead + i] = out_sizes[out_sizes.size() - spatial + i];
    kernel[lead + i] = window.kernel[i];
    stride[lead + i] = window.stride[i];
    padding[lead + i] = window.padding[i];
    if (!window.dilation.empty()) dilation[lead + i] = window.dilation[i];
  }
}

ConvGeometry::ConvGeometry(const Dims& x, const Dims& y, const Window& shape)
    : batch(x[0]),
      in_channels(x[1]),
      out_channels(y[1]),
      groups(shape.groups),
      window(x, y, shape) {}

bool ConvGeometry::is_snug() const {
  for (size_t i = 0; i < 3; ++i) {
    const int64_t span = (window.kernel[i] - 1) * window.dilation[i] + 1;
    const int64_t room = window.in[i] + 2 * window.padding[i] - span;
    if (room < 0 || room / window.stride[i] + 1 != window.out[i]) return false;
  }
  return true;
}

}  // namespace nw::cpu
