#include <algorithm>
#include <cmath>
#include <limits>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/pool_windows.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

/// Planes that a thread should get at least, where one takes `work` steps.
int64_t planes_grain(int64_t work) {
  return std::max<int64_t>(kGrain / std::max<int64_t>(work, 1), 1);
}

int64_t planes_of(const Tensor& x, const WindowGeometry& w) {
  return w.in_size() == 0 ? 0 : x.numel() / w.in_size();
}

template <typename T>
void max_window(const WindowGeometry& w, const T* x, const std::array<int64_t, 3>& at, T& largest,
                int64_t& where) {
  const Range deep = meet(w, 0, at[0]);
  const Range high = meet(w, 1, at[1]);
  const Range wide = meet(w, 2, at[2]);
  largest = -std::numeric_limits<T>::infinity();
  // A dilated window may have all its points outside: then its gradient goes nowhere.
  const bool outside = deep.begin >= deep.end || high.begin >= high.end || wide.begin >= wide.end;
  where = outside ? -1 : (deep.begin * w.in[1] + high.begin) * w.in[2] + wide.begin;
  for (int64_t d = deep.begin; d < deep.end; d += deep.step) {
    for (int64_t h = high.begin; h < high.end; h += high.step) {
      const int64_t row = (d * w.in[1] + h) * w.in[2];
      for (int64_t v = wide.begin; v < wide.end; v += wide.step) {
        const T value = x[row + v];
        if (value > largest || std::isnan(value)) {
          largest = value;
          where = row + v;
        }
      }
    }
  }
}

template <typename T>
void max_plane(const WindowGeometry& w, const T* x, T* y, int64_t* indices) {
  int64_t position = 0;
  for (int64_t d = 0; d < w.out[0]; ++d) {
    for (int64_t h = 0; h < w.out[1]; ++h) {
      for (int64_t v = 0; v < w.out[2]; ++v, ++position) {
        int64_t where = 0;
        max_window(w, x, {d, h, v}, y[position], where);
        if (indices != nullptr) indices[position] = where;
      }
    }
  }
}

bool is_halving(const WindowGeometry& w) {
  return w.in[0] == 1 && w.kernel == Spatial{1, 2, 2} && w.stride[1] == 2 && w.stride[2] == 2 &&
         w.padding == Spatial{0, 0, 0} && w.dilation[1] == 1 && w.dilation[2] == 1 &&
         w.out[1] == w.in[1] / 2 && w.out[2] == w.in[2] / 2 &&
         w.in_size() <= std::numeric_limits<int32_t>::max();
}

/// Calls body(first, count) for each row of input positions in the window.
template <typename Body>
void for_each_row(const WindowGeometry& w, const AvgRange& deep, const AvgRange& high,
                  const AvgRange& wide, const Body& body) {
  for (int64_t d = deep.begin; d < deep.end; ++d) {
    for (int64_t h = high.begin; h < high.end; ++h) {
      body((d * w.in[1] + h) * w.in[2] + wide.begin, wide.end - wide.begin);
    }
  }
}

template <typename T>
void avg_plane(const WindowGeometry& w, const AvgPoolMode& mode, const T* x, T* y) {
  for_each_average(w, mode,
                   [&](int64_t position, int64_t divisor, const AvgRange& deep,
                       const AvgRange& high, const AvgRange& wide) {
                     T total{0};
                     for_each_row(w, deep, high, wide, [&](int64_t first, int64_t count) {
                       for (int64_t i = 0; i < count; ++i) total += x[first + i];
                     });
                     y[position] = total / static_cast<T>(divisor);
                   });
}

template <typename T>
void avg_plane_grad(const WindowGeometry& w, const AvgPoolMode& mode, const T* grad, T* grad_x) {
  std::fill(grad_x, grad_x + w.in_size(), T{0});
  for_each_average(w, mode,
                   [&](int64_t position, int64_t divisor, const AvgRange& deep,
                       const AvgRange& high, const AvgRange& wide) {
                     const T share = grad[position] / static_cast<T>(divisor);
                     for_each_row(w, deep, high, wide, [&](int64_t first, int64_t count) {
                       for (int64_t i = 0; i < count; ++i) grad_x[first + i] += share;
                     });
                   });
}

}  // namespace

void max_pool(const Tensor& x, const Window& window, const Tensor& y, const Tensor& indices) {
  if (!x.is_contiguous()) return max_pool_innermost(x, window, y, indices);
  const WindowGeometry w(x.sizes(), y.sizes(), window);
  with_floating(x, "max_pool", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    auto* where = data_or_null<int64_t>(indices);
    const auto places_of = [&](int64_t done) { return where != nullptr ? where + done : nullptr; };
    const bool halving = is_halving(w);
    const int64_t work = w.out_size() * w.kernel_size();
    parallel_for(planes_of(x, w), planes_grain(work), [&](int64_t begin, int64_t end) {
      if (halving) {
        const int64_t done = begin * w.out_size();
        fast<T>().halving_pool(HalvingPool<T>{
            end - begin, w.in[1], w.in[2], from + begin * w.in_size(), to + done, places_of(done)});
        return;
      }
      for (int64_t plane = begin; plane < end; ++plane) {
        const int64_t done = plane * w.out_size();
        max_plane(w, from + plane * w.in_size(), to + done, places_of(done));
      }
    });
  });
}

void max_pool_grad(const Tensor& grad, const Tensor& indices, const Tensor& grad_x) {
  if (!grad_x.is_contiguous()) return max_pool_grad_innermost(grad, indices, grad_x);
  const int64_t planes = grad_x.size(0) * grad_x.size(1);
  if (planes == 0) return;
  const int64_t in_size = grad_x.numel() / planes;
  const int64_t out_size = grad.numel() / planes;
  with_floating(grad, "max_pool", [&](auto type) {
    using T = decltype(type);
    const T* from = grad.data<T>();
    const auto* where = indices.data<int64_t>();
    T* to = grad_x.data<T>();
    parallel_for(planes, planes_grain(in_size), [&](int64_t begin, int64_t end) {
      std::fill(to + begin * in_size, to + end * in_size, T{0});
      for (int64_t plane = begin; plane < end; ++plane) {
        T* target = to + plane * in_size;
        const int64_t first = plane * out_size;
        for (int64_t i = first; i < first + out_size; ++i) {
          if (where[i] >= 0) target[where[i]] += from[i];
        }
      }
    });
  });
}

void avg_pool(const Tensor& x, const Window& window, const AvgPoolMode& mode, const Tensor& y) {
  if (!x.is_contiguous()) return avg_pool_innermost(x, window, mode, y);
  const WindowGeometry w(x.sizes(), y.sizes(), window);
  with_floating(x, "avg_pool", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    const int64_t work = w.out_size() * w.kernel_size();
    parallel_for(planes_of(x, w), planes_grain(work), [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane) {
        avg_plane(w, mode, from + plane * w.in_size(), to + plane * w.out_size());
      }
    });
  });
}

void avg_pool_grad(const Tensor& grad, const Window& window, const AvgPoolMode& mode,
                   const Tensor& grad_x) {
  if (!grad_x.is_contiguous()) return avg_pool_grad_innermost(grad, window, mode, grad_x);
  const WindowGeometry w(grad_x.sizes(), grad.sizes(), window);
  with_floating(grad, "avg_pool", [&](auto type) {
    using T = decltype(type);
    const T* from = grad.data<T>();
    T* to = grad_x.data<T>();
    const int64_t work = w.out_size() * w.kernel_size();
    parallel_for(planes_of(grad_x, w), planes_grain(work), [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane) {
        avg_plane_grad(w, mode, from + plane * w.out_size(), to + plane * w.in_size());
      }
    });
  });
}

}  // namespace nw::cpu
