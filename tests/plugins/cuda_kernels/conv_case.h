#pragma once

#include "core/backend/backend.h"
#include "tests/support/block_case.h"

namespace nw::test {

/// Sizes of a convolution of one to three spatial dimensions; y as large as the windows have room.
struct ConvCase {
  Window window;
  Dims x, weight, y;

  ConvCase(Draw& draw, int64_t least_samples) {
    window.groups = draw.integer(1, 3);
    x = {draw.integer(least_samples, 3), 2 * window.groups};
    weight = {3 * window.groups, 2};
    y = {x[0], 3 * window.groups};
    const int64_t spatial = draw.integer(1, 3);
    for (int64_t i = 0; i < spatial; ++i) {
      x.push_back(draw.integer(1, 12));
      window.kernel.push_back(draw.integer(1, 4));
      window.stride.push_back(draw.integer(1, 3));
      window.padding.push_back(draw.integer(0, 2));
      window.dilation.push_back(draw.integer(1, 2));
      weight.push_back(window.kernel.back());
      const int64_t span = (window.kernel.back() - 1) * window.dilation.back() + 1;
      const int64_t room = x.back() + 2 * window.padding.back() - span;
      y.push_back(room < 0 ? 0 : room / window.stride.back() + 1);
    }
  }
};

}  // namespace nw::test
