#include "core/backend/cpu/resample.h"

#include <cmath>
#include <limits>

#include "core/backend/cpu/columns.h"
#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/widen.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

/// Planes that a thread should get at least, where one takes `work` steps.
int64_t planes_grain(int64_t work) {
  return std::max<int64_t>(kGrain / std::max<int64_t>(work, 1), 1);
}

/// One row of inner numbers of y from the rows of x that the map names.
template <typename T>
void mapped_row(const AxisMap& map, int64_t output, int64_t inner, const T* x, T* y) {
  std::fill(y, y + inner, T{0});
  const auto end = static_cast<size_t>(map.first[static_cast<size_t>(output) + 1]);
  for (auto k = static_cast<size_t>(map.first[static_cast<size_t>(output)]); k < end; ++k) {
    fast<T>().axpy(x + map.source[k] * inner, 1, map.weight[k], y, inner);
  }
}

/// The same where the axis is the innermost one.
template <typename T>
void mapped_line(const AxisMap& map, const T* x, T* y) {
  const auto outputs = static_cast<size_t>(map.outputs());
  for (size_t i = 0; i < outputs; ++i) {
    T total{0};
    const auto end = static_cast<size_t>(map.first[i + 1]);
    for (auto k = static_cast<size_t>(map.first[i]); k < end; ++k) {
      total += static_cast<T>(map.weight[k]) * x[map.source[k]];
    }
    y[i] = total;
  }
}

void along_axis(const Tensor& x, const AxisMap& map, const Tensor& y) {
  const int64_t inner = x.size(2);
  const int64_t outputs = map.outputs();
  with_floating(x, "resample", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    const int64_t work = (static_cast<int64_t>(map.source.size()) + outputs) * inner;
    parallel_for(x.size(0), planes_grain(work), [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane) {
        const T* in = from + plane * map.inputs * inner;
        T* out = to + plane * outputs * inner;
        if (inner == 1) {
          mapped_line(map, in, out);
          continue;
        }
        for (int64_t i = 0; i < outputs; ++i) mapped_row(map, i, inner, in, out + i * inner);
      }
    });
  });
}

/// The largest of one window of a plane.
template <typename T>
struct Largest {
  T value = -std::numeric_limits<T>::infinity();
  int64_t place = 0;

  void consider(T other, int64_t at) {
    if (other > value || std::isnan(other)) {
      value = other;
      place = at;
    }
  }
};

template <typename T>
void max_plane(const std::vector<AxisRanges>& axes, int64_t height, int64_t width, const T* x, T* y,
               int64_t* indices) {
  const AxisRanges& deep = axes[0];
  const AxisRanges& high = axes[1];
  const AxisRanges& wide = axes[2];
  for (size_t i = 0; i < deep.begin.size(); ++i) {
    for (size_t j = 0; j < high.begin.size(); ++j) {
      for (size_t k = 0; k < wide.begin.size(); ++k) {
        Largest<T> largest;
        largest.place = (deep.begin[i] * height + high.begin[j]) * width + wide.begin[k];
        for (int64_t d = deep.begin[i]; d < deep.end[i]; ++d) {
          for (int64_t h = high.begin[j]; h < high.end[j]; ++h) {
            const int64_t row = (d * height + h) * width;
            for (int64_t v = wide.begin[k]; v < wide.end[k]; ++v)
              largest.consider(x[row + v], row + v);
          }
        }
        *y++ = largest.value;
        *indices++ = largest.place;
      }
    }
  }
}

void max_of_ranges(const Tensor& x, const std::vector<AxisRanges>& axes, const Tensor& y,
                   const Tensor& indices) {
  const int64_t planes = x.size(0);
  const int64_t in_size = planes == 0 ? 0 : x.numel() / planes;
  const int64_t out_size = planes == 0 ? 0 : y.numel() / planes;
  with_floating(x, "max_pool", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = y.data<T>();
    auto* where = indices.data<int64_t>();
    parallel_for(planes, planes_grain(in_size), [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane) {
        max_plane(axes, x.size(2), x.size(3), from + plane * in_size, to + plane * out_size,
                  where + plane * out_size);
      }
    });
  });
}

void check_index(int64_t index, int64_t size) {
  NW_CHECK(index >= 0 && index < size, "[MaxUnpool] an index must be from 0 to ", size - 1, ", is ",
           index);
}

void scatter(const Tensor& x, const Tensor& indices, const Tensor& y) {
  const int64_t count = x.size(1);
  const int64_t size = y.size(1);
  with_floating(x, "MaxUnpool", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    const auto* where = indices.data<int64_t>();
    T* to = y.data<T>();
    parallel_for(x.size(0), planes_grain(size), [&](int64_t begin, int64_t end) {
      std::fill(to + begin * size, to + end * size, T{0});
      for (int64_t i = begin * count; i < end * count; ++i) {
        check_index(where[i], size);
        to[i / count * size + where[i]] = from[i];
      }
    });
  });
}

void gather(const Tensor& x, const Tensor& indices, const Tensor& y) {
  const int64_t count = y.size(1);
  const int64_t size = x.size(1);
  with_floating(x, "MaxUnpool", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    const auto* where = indices.data<int64_t>();
    T* to = y.data<T>();
    parallel_for(x.size(0), planes_grain(count), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * count; i < end * count; ++i) {
        check_index(where[i], size);
        to[i] = from[i / count * size + where[i]];
      }
    });
  });
}

/// The geometry of all windows that fit into x.
WindowGeometry windows_over(const Tensor& x, const Window& window) {
  WindowGeometry w(x.sizes(), x.sizes(), window);
  for (size_t i = 0; i < 3; ++i) {
    const int64_t span = (w.kernel[i] - 1) * w.dilation[i] + 1;
    w.out[i] = (w.in[i] + 2 * w.padding[i] - span) / w.stride[i] + 1;
  }
  return w;
}

void unfold(const Tensor& x, const Window& window, const Tensor& columns) {
  const WindowGeometry w = windows_over(x, window);
  with_floating(x, "Unfold", [&](auto type) {
    using T = decltype(type);
    const T* from = x.data<T>();
    T* to = columns.data<T>();
    const int64_t rows = w.kernel_size() * w.out_size();
    parallel_for(x.size(0) * x.size(1), planes_grain(rows), [&](int64_t begin, int64_t end) {
      unfold_sample(w, end - begin, from + begin * w.in_size(), to + begin * rows);
    });
  });
}

void fold(const Tensor& columns, const Window& window, const Tensor& x) {
  const WindowGeometry w = windows_over(x, window);
  with_floating(x, "Fold", [&](auto type) {
    using T = decltype(type);
    const T* from = columns.data<T>();
    T* to = x.data<T>();
    const int64_t rows = w.kernel_size() * w.out_size();
    parallel_for(x.size(0) * x.size(1), planes_grain(rows), [&](int64_t begin, int64_t end) {
      fold_sample(w, end - begin, from + begin * rows, to + begin * w.in_size());
    });
  });
}

}  // namespace

constinit const ResampleKernels kResampleKernels{
    .along_axis = widened<along_axis, 1>,
    .max_of_ranges = widened<max_of_ranges, 2>,
    .scatter = widened<scatter, 1>,
    .gather = widened<gather, 1>,
    .unfold = widened<unfold, 1>,
    .fold = widened<fold, 1>,
};

}  // namespace nw::cpu
