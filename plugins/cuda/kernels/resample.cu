#include "core/backend/resample_kernels.h"

#include <bit>

#include "plugins/cuda/kernels/fault.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/launch.h"
#include "plugins/cuda/kernels/uploads.h"

namespace nw::cuda {
namespace {

/// An AxisMap in the device's memory: first (outputs + 1), source and the bits of weight (terms).
struct MapOnDevice {
  Tensor words;
  int64_t outputs, terms;

  MapOnDevice(const AxisMap& map, const Tensor& like)
      : outputs(map.outputs()), terms(static_cast<int64_t>(map.source.size())) {
    std::vector<int64_t> all = map.first;
    all.insert(all.end(), map.source.begin(), map.source.end());
    for (const double weight : map.weight) all.push_back(std::bit_cast<int64_t>(weight));
    words = uploaded(std::move(all), like);
  }
};

NW_BOTH double bits_to_double(int64_t bits) {
#ifdef __CUDA_ARCH__
  return __longlong_as_double(bits);
#else
  return std::bit_cast<double>(bits);
#endif
}

template <typename T>
struct AlongAxis {
  const T* x;
  const int64_t* first;
  const int64_t* source;
  const int64_t* weight;
  int64_t inputs, outputs, inner;
  T* y;

  __device__ void operator()(int64_t i) const {
    const int64_t output = i / inner % outputs;
    const T* from = x + i / inner / outputs * inputs * inner + i % inner;
    Wide<T> total = 0;
    for (int64_t k = first[output]; k < first[output + 1]; ++k) {
      total += static_cast<Wide<T>>(bits_to_double(weight[k])) * widen(from[source[k] * inner]);
    }
    y[i] = narrow<T>(total);
  }
};

/// Windows of any sizes: for each axis where they begin, then where they end.
template <typename T>
struct MaxOfRanges {
  const T* x;
  const int64_t* edges;
  int64_t in[3], out[3];
  T* y;
  int64_t* indices;

  __device__ int64_t begin(int axis, int64_t at) const { return edges[before(axis) + at]; }
  __device__ int64_t end(int axis, int64_t at) const {
    return edges[before(axis) + out[axis] + at];
  }
  __device__ int64_t before(int axis) const {
    return axis == 0 ? 0 : axis == 1 ? 2 * out[0] : 2 * (out[0] + out[1]);
  }

  __device__ void operator()(int64_t i) const {
    const int64_t w = i % out[2];
    const int64_t h = i / out[2] % out[1];
    const int64_t d = i / out[2] / out[1] % out[0];
    const T* plane = x + i / (out[2] * out[1] * out[0]) * (in[0] * in[1] * in[2]);
    Wide<T> largest = -infinity<Wide<T>>();
    int64_t where = (begin(0, d) * in[1] + begin(1, h)) * in[2] + begin(2, w);
    for (int64_t a = begin(0, d); a < end(0, d); ++a) {
      for (int64_t b = begin(1, h); b < end(1, h); ++b) {
        for (int64_t c = begin(2, w); c < end(2, w); ++c) {
          const int64_t place = (a * in[1] + b) * in[2] + c;
          const Wide<T> value = widen(plane[place]);
          if (value > largest || value != value) {
            largest = value;
            where = place;
          }
        }
      }
    }
    y[i] = narrow<T>(largest);
    indices[i] = where;
  }
};

struct NoSource {
  int64_t* source;
  __device__ void operator()(int64_t i) const { source[i] = -1; }
};

/// The last one that names a place has it.
struct ClaimPlaces {
  const int64_t* indices;
  int64_t count, size;
  int64_t* source;
  FaultReport report;

  __device__ void operator()(int64_t i) const {
    const int64_t index = indices[i];
    if (index < 0 || index >= size) return report.raise(FaultKind::Index, index, size);
    using Place = unsigned long long;  // what the hardware compares; −1, the largest, goes by cas
    auto* place = reinterpret_cast<Place*>(source + i / count * size + index);
    Place seen = *place;
    while (static_cast<int64_t>(seen) < i) {
      const Place before = atomicCAS(place, seen, static_cast<Place>(i));
      if (before == seen) break;
      seen = before;
    }
  }
};

template <typename T>
struct TakeClaimed {
  const T* x;
  const int64_t* source;
  T* y;

  __device__ void operator()(int64_t i) const {
    y[i] = source[i] >= 0 ? x[source[i]] : narrow<T>(0);
  }
};

template <typename T>
struct GatherPlaces {
  const T* x;
  const int64_t* indices;
  int64_t count, size;
  T* y;
  FaultReport report;

  __device__ void operator()(int64_t i) const {
    const int64_t index = indices[i];
    if (index < 0 || index >= size) {
      report.raise(FaultKind::Index, index, size);
      y[i] = narrow<T>(0);
      return;
    }
    y[i] = x[i / count * size + index];
  }
};

/// Windows over planes (depth, height, width) and their columns (kernel, windows).
struct Columns {
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  int64_t kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, padding[3] = {}, dilation[3] = {1, 1, 1};

  Columns(const Tensor& x, const Window& window) {
    const size_t spatial = window.kernel.size();
    for (size_t i = 0; i < spatial; ++i) {
      const size_t d = 3 - spatial + i;
      in[d] = x.sizes()[x.sizes().size() - spatial + i];
      kernel[d] = window.kernel[i];
      stride[d] = window.stride[i];
      padding[d] = window.padding[i];
      if (!window.dilation.empty()) dilation[d] = window.dilation[i];
    }
    for (size_t d = 0; d < 3; ++d) {
      const int64_t span = (kernel[d] - 1) * dilation[d] + 1;
      out[d] = (in[d] + 2 * padding[d] - span) / stride[d] + 1;
    }
  }
  NW_BOTH int64_t in_size() const { return in[0] * in[1] * in[2]; }
  NW_BOTH int64_t windows() const { return out[0] * out[1] * out[2]; }
  NW_BOTH int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }
};

template <typename T>
struct Unfold {
  Columns c;
  const T* x;
  T* columns;

  __device__ void operator()(int64_t i) const {
    int64_t window = i % c.windows();
    int64_t tap = i / c.windows() % c.kernel_size();
    int64_t place = i / c.windows() / c.kernel_size() * c.in_size();
    int64_t step = 1;
    for (int d = 2; d >= 0; --d) {
      const int64_t at =
          window % c.out[d] * c.stride[d] - c.padding[d] + tap % c.kernel[d] * c.dilation[d];
      window /= c.out[d];
      tap /= c.kernel[d];
      if (at < 0 || at >= c.in[d]) {
        columns[i] = narrow<T>(0);
        return;
      }
      place += at * step;
      step *= c.in[d];
    }
    columns[i] = x[place];
  }
};

template <typename T>
struct Fold {
  Columns c;
  const T* columns;
  T* x;

  /// The window whose tap lies at a place of one axis; −1: none.
  __device__ int64_t window_of(int axis, int64_t at, int64_t tap) const {
    const int64_t start = at + c.padding[axis] - tap * c.dilation[axis];
    if (start < 0 || start % c.stride[axis] != 0) return -1;
    const int64_t window = start / c.stride[axis];
    return window < c.out[axis] ? window : -1;
  }

  __device__ void operator()(int64_t i) const {
    const int64_t at[3] = {i / c.in[2] / c.in[1] % c.in[0], i / c.in[2] % c.in[1], i % c.in[2]};
    const T* from = columns + i / c.in_size() * c.kernel_size() * c.windows();
    Wide<T> total = 0;
    for (int64_t a = 0; a < c.kernel[0]; ++a) {
      const int64_t deep = window_of(0, at[0], a);
      for (int64_t b = 0; deep >= 0 && b < c.kernel[1]; ++b) {
        const int64_t high = window_of(1, at[1], b);
        for (int64_t k = 0; high >= 0 && k < c.kernel[2]; ++k) {
          const int64_t wide = window_of(2, at[2], k);
          if (wide < 0) continue;
          const int64_t tap = (a * c.kernel[1] + b) * c.kernel[2] + k;
          total += widen(from[tap * c.windows() + (deep * c.out[1] + high) * c.out[2] + wide]);
        }
      }
    }
    x[i] = narrow<T>(total);
  }
};

void along_axis(const Tensor& x, const AxisMap& map, const Tensor& y) {
  if (y.numel() == 0) return;
  const MapOnDevice there(map, x);
  const int64_t* first = there.words.data<int64_t>();
  const int64_t* source = first + there.outputs + 1;
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(y.numel(), AlongAxis<T>{numbers<T>(x), first, source, source + there.terms, map.inputs,
                                     there.outputs, x.size(2), numbers<T>(y)});
  });
}

void max_of_ranges(const Tensor& x, const std::vector<AxisRanges>& axes, const Tensor& y,
                   const Tensor& indices) {
  if (y.numel() == 0) return;
  std::vector<int64_t> words;
  for (const AxisRanges& axis : axes) {
    words.insert(words.end(), axis.begin.begin(), axis.begin.end());
    words.insert(words.end(), axis.end.begin(), axis.end.end());
  }
  const Tensor edges = uploaded(std::move(words), x);
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    MaxOfRanges<T> body{numbers<T>(x), edges.data<int64_t>(),  {}, {},
                        numbers<T>(y), indices.data<int64_t>()};
    for (size_t d = 0; d < 3; ++d) {
      body.in[d] = x.sizes()[d + 1];
      body.out[d] = static_cast<int64_t>(axes[d].begin.size());
    }
    for_each(y.numel(), body);
  });
}

void scatter_places(const Tensor& x, const Tensor& indices, const Tensor& y) {
  if (y.numel() == 0) return;
  const Scratch<int64_t> source(y.numel(), y);
  for_each(y.numel(), NoSource{source.data()});
  for_each(x.numel(), ClaimPlaces{indices.data<int64_t>(), x.size(1), y.size(1), source.data(),
                                  fault_report("[MaxUnpool]")});
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(y.numel(), TakeClaimed<T>{numbers<T>(x), source.data(), numbers<T>(y)});
  });
}

void gather_places(const Tensor& x, const Tensor& indices, const Tensor& y) {
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(y.numel(), GatherPlaces<T>{numbers<T>(x), indices.data<int64_t>(), y.size(1),
                                        x.size(1), numbers<T>(y), fault_report("[MaxUnpool]")});
  });
}

void unfold(const Tensor& x, const Window& window, const Tensor& columns) {
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(columns.numel(), Unfold<T>{Columns(x, window), numbers<T>(x), numbers<T>(columns)});
  });
}

void fold(const Tensor& columns, const Window& window, const Tensor& x) {
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(x.numel(), Fold<T>{Columns(x, window), numbers<T>(columns), numbers<T>(x)});
  });
}

}  // namespace

const ResampleKernels kResampleKernels{
    .along_axis = along_axis,
    .max_of_ranges = max_of_ranges,
    .scatter = scatter_places,
    .gather = gather_places,
    .unfold = unfold,
    .fold = fold,
};

}  // namespace nw::cuda
