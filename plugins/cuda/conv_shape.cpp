#include "plugins/cuda/conv_shape.h"

#include <cstring>
#include <limits>

namespace nw::cuda {
namespace {

/// (N, C, spatial…) with at least two spatial sizes. False: some size is beyond 31 bits.
bool put_sizes(const Dims& from, int* to) {
  bool fits = true;
  int rank = 0;
  for (size_t d = 0; d < from.size(); ++d) {
    if (d == 2 && from.size() == 3) to[rank++] = 1;
    fits = fits && from[d] <= std::numeric_limits<int>::max();
    to[rank++] = static_cast<int>(from[d]);
  }
  return fits;
}

/// False: some number is beyond 31 bits.
bool put_window(const SmallVector<int64_t, 3>& from, int lead, int* to) {
  bool fits = true;
  size_t at = 0;
  if (from.size() == 1) to[at++] = lead;
  for (const int64_t value : from) {
    fits = fits && value <= std::numeric_limits<int>::max();
    to[at++] = static_cast<int>(value);
  }
  return fits;
}

}  // namespace

ConvShape::ConvShape(const Dims& x_sizes, const Dims& weight_sizes, const Dims& y_sizes,
                     const Window& window)
    : rank(static_cast<int>(std::max<size_t>(x_sizes.size(), 4))),
      groups(static_cast<int>(window.groups)) {
  fits_ = put_sizes(x_sizes, x);
  fits_ = put_sizes(weight_sizes, weight) && fits_;
  fits_ = put_sizes(y_sizes, y) && fits_;
  for (const Dims* sizes : {&x_sizes, &weight_sizes, &y_sizes}) {
    fits_ = fits_ && numel(*sizes) <= INT32_MAX;
  }
  fits_ = put_window(window.padding, 0, padding) && fits_;
  fits_ = put_window(window.stride, 1, stride) && fits_;
  fits_ = put_window(window.dilation, 1, dilation) && fits_;
  if (window.dilation.empty()) {
    for (int& step : dilation) step = 1;
  }
}

bool ConvShape::is_plain() const {
  if (!fits_) return false;
  for (int d = 0; d < rank; ++d) {
    if (x[d] == 0 || y[d] == 0 || weight[d] == 0) return false;
  }
  for (int d = 0; d < rank - 2; ++d) {
    const int64_t span = (weight[d + 2] - int64_t{1}) * dilation[d] + 1;
    const int64_t room = x[d + 2] + int64_t{2} * padding[d] - span;
    if (room < 0 || room / stride[d] + 1 != y[d + 2]) return false;
  }
  return true;
}

void ConvShape::strides_of(const int* sizes, int* strides) const {
  int step = 1;
  if (innermost) {
    strides[1] = 1;
    step = sizes[1];
  }
  for (int d = rank - 1; d >= 2; --d) {
    strides[d] = step;
    step *= sizes[d];
  }
  if (!innermost) {
    strides[1] = step;
    step *= sizes[1];
  }
  strides[0] = step;
}

size_t ConvShapeHash::operator()(const ConvShape& shape) const {
  size_t hash = static_cast<size_t>(shape.dtype);
  const auto mix = [&](int value) {
    hash ^= static_cast<size_t>(value) + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
  };
  mix(shape.device);
  mix(shape.groups);
  mix((shape.innermost ? 1 : 0) + (shape.tf32 ? 2 : 0) + (shape.measured ? 4 : 0));
  for (int d = 0; d < 5; ++d) {
    mix(shape.x[d]);
    mix(shape.weight[d]);
    mix(shape.y[d]);
  }
  for (int d = 0; d < 3; ++d) {
    mix(shape.padding[d]);
    mix(shape.stride[d]);
    mix(shape.dilation[d]);
  }
  return hash;
}

}  // namespace nw::cuda
