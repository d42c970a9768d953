#include <array>
#include <limits>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/pool_windows.h"
#include "core/backend/cpu/scratch.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

/// Samples that a thread should get at least, where one takes `work` steps.
int64_t samples_grain(int64_t work) {
  return std::max<int64_t>(kGrain / std::max<int64_t>(work, 1), 1);
}

/// Calls body(window, deep, high, wide) for each window of a plane.
template <typename Body>
void for_each_window(const WindowGeometry& w, const Body& body) {
  int64_t window = 0;
  for (int64_t d = 0; d < w.out[0]; ++d) {
    const Range deep = meet(w, 0, d);
    for (int64_t h = 0; h < w.out[1]; ++h) {
      const Range high = meet(w, 1, h);
      for (int64_t v = 0; v < w.out[2]; ++v) body(window++, deep, high, meet(w, 2, v));
    }
  }
}

/// Writes the places of one window; returns how many there are.
int64_t places_of(const WindowGeometry& w, const Range& deep, const Range& high, const Range& wide,
                  int64_t* places) {
  int64_t count = 0;
  for (int64_t d = deep.begin; d < deep.end; d += deep.step) {
    for (int64_t h = high.begin; h < high.end; h += high.step) {
      const int64_t row = (d * w.in[1] + h) * w.in[2];
      for (int64_t v = wide.begin; v < wide.end; v += wide.step) places[count++] = row + v;
    }
  }
  return count;
}

template <typename T>
void max_sample(const WindowGeometry& w, int64_t channels, const T* x, int64_t* places, T* y,
                int64_t* indices) {
  for_each_window(w, [&](int64_t window, const Range& deep, const Range& high, const Range& wide) {
    const int64_t count = places_of(w, deep, high, wide, places);
    T* to = y + window * channels;
    int64_t* where = indices != nullptr ? indices + window * channels : nullptr;
    if (count == 0) {
      std::fill(to, to + channels, -std::numeric_limits<T>::infinity());
      if (where != nullptr) std::fill(where, where + channels, -1);
    } else {
      fast<T>().channels_pool(ChannelsPool<T>{channels, x, places, count, to, where});
    }
  });
}

/// Calls body(place) for each place in an averaging window.
template <typename Body>
void for_each_place(const WindowGeometry& w, const AvgRange& deep, const AvgRange& high,
                    const AvgRange& wide, const Body& body) {
  for (int64_t d = deep.begin; d < deep.end; ++d) {
    for (int64_t h = high.begin; h < high.end; ++h) {
      for (int64_t v = wide.begin; v < wide.end; ++v) body((d * w.in[1] + h) * w.in[2] + v);
    }
  }
}

/// Calls body(type, sample) for each of the samples, in parallel.
template <typename Body>
void for_each_sample(const Tensor& x, int64_t work, const Body& body) {
  with_floating(x, "pool", [&](auto type) {
    parallel_for(x.size(0), samples_grain(work), [&](int64_t begin, int64_t end) {
      for (int64_t sample = begin; sample < end; ++sample) body(type, sample);
    });
  });
}

}  // namespace

void max_pool_innermost(const Tensor& x, const Window& window, const Tensor& y,
                        const Tensor& indices) {
  const WindowGeometry w(x.sizes(), y.sizes(), window);
  NW_CHECK(w.in_size() <= std::numeric_limits<int32_t>::max(), "[MaxPool] planes of ", w.in_size(),
           " numbers are too large");
  const int64_t channels = x.size(1);
  for_each_sample(x, w.out_size() * w.kernel_size() * channels, [&](auto type, int64_t sample) {
    using T = decltype(type);
    const Scratch<int64_t> places(w.kernel_size());
    const int64_t done = sample * w.out_size() * channels;
    int64_t* where = indices.defined() ? indices.data<int64_t>() + done : nullptr;
    max_sample(w, channels, x.data<T>() + sample * w.in_size() * channels, places.data(),
               y.data<T>() + done, where);
  });
}

void max_pool_grad_innermost(const Tensor& grad, const Tensor& indices, const Tensor& grad_x) {
  const int64_t channels = grad.size(1);
  const int64_t from_numel = grad.numel() / grad.size(0);
  const int64_t to_numel = grad_x.numel() / grad_x.size(0);
  for_each_sample(grad, to_numel, [&](auto type, int64_t sample) {
    using T = decltype(type);
    const T* from = grad.data<T>() + sample * from_numel;
    const int64_t* where = indices.data<int64_t>() + sample * from_numel;
    T* to = grad_x.data<T>() + sample * to_numel;
    std::fill(to, to + to_numel, T{0});
    for (int64_t i = 0; i < from_numel; i += channels) {
      for (int64_t c = 0; c < channels; ++c) {
        if (where[i + c] >= 0) to[where[i + c] * channels + c] += from[i + c];
      }
    }
  });
}

void avg_pool_innermost(const Tensor& x, const Window& window, const AvgPoolMode& mode,
                        const Tensor& y) {
  const WindowGeometry w(x.sizes(), y.sizes(), window);
  const int64_t channels = x.size(1);
  for_each_sample(x, w.out_size() * w.kernel_size() * channels, [&](auto type, int64_t sample) {
    using T = decltype(type);
    const T* from = x.data<T>() + sample * w.in_size() * channels;
    T* to = y.data<T>() + sample * w.out_size() * channels;
    for_each_average(w, mode,
                     [&](int64_t position, int64_t divisor, const AvgRange& deep,
                         const AvgRange& high, const AvgRange& wide) {
                       T* mean = to + position * channels;
                       std::fill(mean, mean + channels, T{0});
                       for_each_place(w, deep, high, wide, [&](int64_t place) {
                         fast<T>().axpy(from + place * channels, 1, 1.0, mean, channels);
                       });
                       const T share = static_cast<T>(divisor);
                       for (int64_t c = 0; c < channels; ++c) mean[c] /= share;
                     });
  });
}

void avg_pool_grad_innermost(const Tensor& grad, const Window& window, const AvgPoolMode& mode,
                             const Tensor& grad_x) {
  const WindowGeometry w(grad_x.sizes(), grad.sizes(), window);
  const int64_t channels = grad.size(1);
  for_each_sample(grad, w.out_size() * w.kernel_size() * channels, [&](auto type, int64_t sample) {
    using T = decltype(type);
    const T* from = grad.data<T>() + sample * w.out_size() * channels;
    T* to = grad_x.data<T>() + sample * w.in_size() * channels;
    std::fill(to, to + w.in_size() * channels, T{0});
    for_each_average(w, mode,
                     [&](int64_t position, int64_t divisor, const AvgRange& deep,
                         const AvgRange& high, const AvgRange& wide) {
                       const double share = 1.0 / static_cast<double>(divisor);
                       for_each_place(w, deep, high, wide, [&](int64_t place) {
                         fast<T>().axpy(from + position * channels, 1, share, to + place * channels,
                                        channels);
                       });
                     });
  });
}

}  // namespace nw::cpu
