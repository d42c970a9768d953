#pragma once

#include <algorithm>

#include "core/backend/cpu/window_geometry.h"

/// Windows laid out as the columns of a matrix (channels · kernel, windows), by which convolution
/// becomes a matrix product. Padding is 0.
namespace nw::cpu {

/// The windows along one axis whose tap `tap` meets the input, and where the first one does.
struct Meeting {
  int64_t begin, end;  // of the windows
  int64_t start;       // input position of window 0, perhaps outside

  Meeting(const WindowGeometry& w, size_t axis, int64_t tap)
      : start(tap * w.dilation[axis] - w.padding[axis]) {
    const int64_t step = w.stride[axis];
    begin = start >= 0 ? 0 : std::min((-start + step - 1) / step, w.out[axis]);
    end = start >= w.in[axis] ? 0 : std::min(w.out[axis], (w.in[axis] - 1 - start) / step + 1);
    end = std::max(end, begin);
  }
};

/// Calls body(row of the matrix, wide meeting, first input position of the row of x or −1 where
/// that row lies outside, number of the row of windows) for each tap and each row of windows.
template <typename Body>
void for_each_tap_row(const WindowGeometry& w, int64_t channels, const Body& body) {
  int64_t row = 0;
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t i = 0; i < w.kernel[0]; ++i) {
      const Meeting deep(w, 0, i);
      for (int64_t j = 0; j < w.kernel[1]; ++j) {
        const Meeting high(w, 1, j);
        for (int64_t k = 0; k < w.kernel[2]; ++k, ++row) {
          const Meeting wide(w, 2, k);
          for (int64_t d = 0; d < w.out[0]; ++d) {
            for (int64_t h = 0; h < w.out[1]; ++h) {
              const bool inside =
                  d >= deep.begin && d < deep.end && h >= high.begin && h < high.end;
              const int64_t at = ((c * w.in[0] + deep.start + d * w.stride[0]) * w.in[1] +
                                  high.start + h * w.stride[1]) *
                                 w.in[2];
              body(row, wide, inside ? at : -1, d * w.out[1] + h);
            }
          }
        }
      }
    }
  }
}

/// x (channels, spatial…) -> columns (channels · kernel, windows)
template <typename T>
void unfold_sample(const WindowGeometry& w, int64_t channels, const T* x, T* columns) {
  for_each_tap_row(w, channels, [&](int64_t row, const Meeting& wide, int64_t at, int64_t line) {
    T* to = columns + row * w.out_size() + line * w.out[2];
    if (at < 0) {
      std::fill(to, to + w.out[2], T{0});
      return;
    }
    std::fill(to, to + wide.begin, T{0});
    const T* from = x + at + wide.start;
    if (w.stride[2] == 1) {
      std::copy(from + wide.begin, from + wide.end, to + wide.begin);
    } else {
      for (int64_t v = wide.begin; v < wide.end; ++v) to[v] = from[v * w.stride[2]];
    }
    std::fill(to + wide.end, to + w.out[2], T{0});
  });
}

/// The transposed map: x (channels, spatial…) = Σ of what columns hold of each element.
template <typename T>
void fold_sample(const WindowGeometry& w, int64_t channels, const T* columns, T* x) {
  std::fill(x, x + channels * w.in_size(), T{0});
  for_each_tap_row(w, channels, [&](int64_t row, const Meeting& wide, int64_t at, int64_t line) {
    if (at < 0) return;
    const T* from = columns + row * w.out_size() + line * w.out[2];
    T* to = x + at + wide.start;
    for (int64_t v = wide.begin; v < wide.end; ++v) to[v * w.stride[2]] += from[v];
  });
}

}  // namespace nw::cpu
