#pragma once

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "tests/support/block_case.h"

namespace nw::test {

/// x, or a copy with its channels innermost.
inline Tensor laid_out(const Tensor& x, bool innermost) {
  if (!innermost) return x;
  const Tensor laid = empty(x.sizes(), x.dtype(), x.device())
                          .as_strided(x.sizes(), channels_last_strides(x.sizes()), 0);
  raw::copy_(laid, x);
  return laid;
}

/// Windows as torch has them; those of ceil_mode may begin inside and end beyond the padding.
struct DrawnPool {
  Window window;
  Dims x, y;
  bool snug = true;  // as many windows as fit
  bool dilated = false;

  DrawnPool(Draw& draw, bool may_dilate) {
    x = y = {draw.integer(1, 3), draw.integer(1, 4)};
    for (int64_t i = draw.integer(1, 3); i > 0; --i) {
      const int64_t kernel = draw.integer(1, 4);
      const int64_t stride = draw.integer(1, 3);
      const int64_t padding = draw.integer(0, kernel / 2);
      const int64_t dilation = may_dilate && draw.chance(0.2) ? 2 : 1;
      const int64_t span = (kernel - 1) * dilation + 1;
      const int64_t size = draw.integer(span, 9);
      const int64_t room = size + 2 * padding - span;
      const bool one_more =
          draw.chance(0.3) && room % stride != 0 && (room / stride + 1) * stride < size + padding;
      window.kernel.push_back(kernel);
      window.stride.push_back(stride);
      window.padding.push_back(padding);
      window.dilation.push_back(dilation);
      x.push_back(size);
      y.push_back(room / stride + 1 + (one_more ? 1 : 0));
      snug = snug && !one_more;
      dilated = dilated || dilation > 1;
    }
  }
};

}  // namespace nw::test
