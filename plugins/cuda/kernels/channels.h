#pragma once

#include "plugins/cuda/kernels/layout.h"

namespace nw::cuda {

/// Which channel a number at a place of dense (outer, C, inner) memory belongs to.
struct ChannelOf {
  int64_t channels, inner;
  Divisor by_inner, by_channels;
  bool small;  // places fit into 31 bits

  ChannelOf(int64_t count, int64_t inner_size, int64_t numel)
      : channels(count),
        inner(inner_size),
        by_inner(inner_size),
        by_channels(count),
        small(numel <= INT32_MAX) {}
  NW_BOTH int64_t operator()(int64_t place) const {
    if (!small) return place / inner % channels;
    const uint32_t row = by_inner.quotient(static_cast<uint32_t>(place));
    return row - by_channels.quotient(row) * by_channels.value;
  }
};

}  // namespace nw::cuda
