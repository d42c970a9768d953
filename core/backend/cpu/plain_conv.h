#pragma once

#include <algorithm>

#include "core/backend/cpu/window_geometry.h"
#include "core/base/parallel.h"

/// Convolution by plain loops: for float64, which oneDNN does not do, and as the oracle of the fast
/// ones. Sums are added up in the element type.
namespace nw::cpu {

/// The taps of a window along one dimension that meet the input, and where the first one does.
struct Taps {
  int64_t begin, end;  // of the kernel
  int64_t start;       // input position of tap 0, perhaps outside

  Taps(const WindowGeometry& w, size_t axis, int64_t at)
      : start(at * w.stride[axis] - w.padding[axis]) {
    const int64_t step = w.dilation[axis];
    begin = start >= 0 ? 0 : (-start + step - 1) / step;
    end = start >= w.in[axis] ? 0 : std::min(w.kernel[axis], (w.in[axis] - 1 - start) / step + 1);
  }
};

/// Calls body(output position, kernel position, input position), flat within their planes, for
/// every pair that meets.
template <typename Body>
void for_each_meeting(const WindowGeometry& w, const Body& body) {
  int64_t position = 0;
  for (int64_t d = 0; d < w.out[0]; ++d) {
    const Taps deep(w, 0, d);
    for (int64_t h = 0; h < w.out[1]; ++h) {
      const Taps high(w, 1, h);
      for (int64_t v = 0; v < w.out[2]; ++v, ++position) {
        const Taps wide(w, 2, v);
        for (int64_t i = deep.begin; i < deep.end; ++i) {
          const int64_t plane = (deep.start + i * w.dilation[0]) * w.in[1];
          for (int64_t j = high.begin; j < high.end; ++j) {
            const int64_t row = (plane + high.start + j * w.dilation[1]) * w.in[2];
            const int64_t tap = (i * w.kernel[1] + j) * w.kernel[2];
            for (int64_t k = wide.begin; k < wide.end; ++k) {
              body(position, tap + k, row + wide.start + k * w.dilation[2]);
            }
          }
        }
      }
    }
  }
}

template <typename T>
void plain_conv(const ConvGeometry& g, const T* x, const T* weight, const T* bias, T* y) {
  const WindowGeometry& w = g.window;
  const int64_t group_in = g.in_channels / g.groups;
  const int64_t group_out = g.out_channels / g.groups;
  parallel_for(g.batch * g.out_channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const int64_t sample = plane / g.out_channels;
      const int64_t channel = plane % g.out_channels;
      T* to = y + plane * w.out_size();
      std::fill(to, to + w.out_size(), bias != nullptr ? bias[channel] : T{0});
      for (int64_t c = 0; c < group_in; ++c) {
        const int64_t source = sample * g.in_channels + channel / group_out * group_in + c;
        const T* from = x + source * w.in_size();
        const T* taps = weight + (channel * group_in + c) * w.kernel_size();
        for_each_meeting(w, [&](int64_t o, int64_t k, int64_t i) { to[o] += from[i] * taps[k]; });
      }
    }
  });
}

template <typename T>
void plain_conv_grad_input(const ConvGeometry& g, const T* grad, const T* weight, T* grad_x) {
  const WindowGeometry& w = g.window;
  const int64_t group_in = g.in_channels / g.groups;
  const int64_t group_out = g.out_channels / g.groups;
  parallel_for(g.batch * g.in_channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const int64_t sample = plane / g.in_channels;
      const int64_t channel = plane % g.in_channels;
      T* to = grad_x + plane * w.in_size();
      std::fill(to, to + w.in_size(), T{0});
      for (int64_t n = 0; n < group_out; ++n) {
        const int64_t out_channel = channel / group_in * group_out + n;
        const T* from = grad + (sample * g.out_channels + out_channel) * w.out_size();
        const T* taps = weight + (out_channel * group_in + channel % group_in) * w.kernel_size();
        for_each_meeting(w, [&](int64_t o, int64_t k, int64_t i) { to[i] += from[o] * taps[k]; });
      }
    }
  });
}

template <typename T>
void plain_conv_grad_weight(const ConvGeometry& g, const T* grad, const T* x, T* grad_weight,
                            T* grad_bias) {
  const WindowGeometry& w = g.window;
  const int64_t group_in = g.in_channels / g.groups;
  const int64_t group_out = g.out_channels / g.groups;
  parallel_for(g.out_channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t channel = begin; channel < end; ++channel) {
      T* taps = grad_weight + channel * group_in * w.kernel_size();
      std::fill(taps, taps + group_in * w.kernel_size(), T{0});
      T total{0};
      for (int64_t sample = 0; sample < g.batch; ++sample) {
        const T* from = grad + (sample * g.out_channels + channel) * w.out_size();
        for (int64_t o = 0; o < w.out_size(); ++o) total += from[o];
        for (int64_t c = 0; c < group_in; ++c) {
          const int64_t source = sample * g.in_channels + channel / group_out * group_in + c;
          const T* input = x + source * w.in_size();
          T* to = taps + c * w.kernel_size();
          for_each_meeting(w,
                           [&](int64_t o, int64_t k, int64_t i) { to[k] += from[o] * input[i]; });
        }
      }
      if (grad_bias != nullptr) grad_bias[channel] = total;
    }
  });
}

}  // namespace nw::cpu
