#pragma once

#include "core/tensor/tensor.h"

namespace nw::cpu {

/// The dimensions of x, those that stay apart from those that are added up: where out's size is 1.
struct Split {
  Dims kept_sizes, kept_strides;
  Dims summed_sizes, summed_strides;
};

inline Split split(const Tensor& x, const Tensor& out) {
  Split parts;
  for (size_t i = 0; i < x.sizes().size(); ++i) {
    const int64_t size = x.sizes()[i];
    if (size == 1) continue;
    const bool summed = out.sizes()[i] == 1;
    (summed ? parts.summed_sizes : parts.kept_sizes).push_back(size);
    (summed ? parts.summed_strides : parts.kept_strides).push_back(x.strides()[i]);
  }
  return parts;
}

}  // namespace nw::cpu
