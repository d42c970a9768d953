#include <utility>

#include "plugins/cuda/kernels/block.h"
#include "plugins/cuda/kernels/fault.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/map.h"

namespace nw::cuda {
namespace {

template <typename T>
using F = Wide<T>;

/// A line of `size` numbers that lie `inner` apart, in (outer, size, inner).
struct Lines {
  int64_t count, size, inner;

  explicit Lines(const Tensor& x)
      : count(x.size(0) * x.size(2)), size(x.size(1)), inner(x.size(2)) {}
  NW_BOTH int64_t start(int64_t line) const { return line / inner * size * inner + line % inner; }
};

/// e^x / total, or x − largest − log(total).
template <typename T>
struct Finish {
  F<T> largest, total;
  bool logarithm;

  __device__ Finish(F<T> largest_, F<T> total_, bool logarithm_)
      : largest(largest_), total(logarithm_ ? std::log(total_) : total_), logarithm(logarithm_) {}
  __device__ T operator()(T x) const {
    const F<T> apart = widen(x) - largest;
    return narrow<T>(logarithm ? apart - total : std::exp(apart) / total);
  }
};

template <typename T>
__device__ F<T> slope_term(T grad, T y, bool logarithm) {
  return logarithm ? widen(grad) : widen(grad) * widen(y);
}
template <typename T>
__device__ T slope_of(T grad, T y, F<T> sum, bool logarithm) {
  const F<T> g = widen(grad);
  const F<T> v = widen(y);
  return narrow<T>(logarithm ? g - std::exp(v) * sum : (g - sum) * v);
}

/// body(0) … body(kCount − 1), with numbers that the compiler knows, so that arrays stay in
/// registers.
template <int kCount, typename Body>
__device__ __forceinline__ void unrolled(const Body& body) {
  [&]<int... kNumbers>(std::integer_sequence<int, kNumbers...>) {
    (body(kNumbers), ...);
  }
  (std::make_integer_sequence<int, kCount>());
}

/// A row of neighbours, kCount of them with each lane of a warp: in registers, so that memory is
/// read once.
template <typename T, int kCount>
class WarpRow {
 public:
  /// `packed`: rows begin at multiples of 16 bytes, and end at such.
  __device__ WarpRow(int64_t size, bool packed)
      : size_(static_cast<int>(size)),
        lane_(static_cast<int>(threadIdx.x) % kWarpThreads),
        packed_(packed) {}

  __device__ void load(const T* row) {
    each_pack([&](int k, int column) {
      reinterpret_cast<Pack<T>&>(items_[k]) = *reinterpret_cast<const Pack<T>*>(row + column);
    });
    each_single([&](int k, int column) { items_[k] = row[column]; });
  }
  __device__ void store(T* row) const {
    each_pack([&](int k, int column) {
      *reinterpret_cast<Pack<T>*>(row + column) = reinterpret_cast<const Pack<T>&>(items_[k]);
    });
    each_single([&](int k, int column) { row[column] = items_[k]; });
  }
  /// body(number of the item) for those that are there.
  template <typename Body>
  __device__ __forceinline__ void each(const Body& body) const {
    unrolled<kCount>([&](int k) {
      if (column_of(k) < size_) body(k);
    });
  }
  __device__ T& operator[](int k) { return items_[k]; }

 private:
  static constexpr int kPack = Pack<T>::kItems;
  static constexpr bool kHasPacks = kCount % kPack == 0;

  __device__ int column_of(int k) const {
    return kHasPacks && packed_ ? (k / kPack * kWarpThreads + lane_) * kPack + k % kPack
                                : k * kWarpThreads + lane_;
  }
  template <typename Body>
  __device__ __forceinline__ void each_pack(const Body& body) const {
    if constexpr (kHasPacks) {
      if (!packed_) return;
      unrolled<kCount / kPack>([&](int pack) {
        const int k = pack * kPack;
        if (column_of(k) < size_) body(k, column_of(k));
      });
    }
  }
  template <typename Body>
  __device__ __forceinline__ void each_single(const Body& body) const {
    if (kHasPacks && packed_) return;
    unrolled<kCount>([&](int k) {
      if (column_of(k) < size_) body(k, column_of(k));
    });
  }

  alignas(16) T items_[kCount];
  int size_, lane_;
  bool packed_;
};

/// The row of this warp, and how many rows are worked on at once.
__device__ __forceinline__ int64_t warp_number() {
  return thread_number() / kWarpThreads;
}
__device__ __forceinline__ int64_t warp_count() {
  return thread_count() / kWarpThreads;
}

template <typename T, int kCount>
__global__ void softmax_in_warps(const T* x, bool logarithm, T* y, Lines lines, bool packed) {
  for (int64_t line = warp_number(); line < lines.count; line += warp_count()) {
    WarpRow<T, kCount> row(lines.size, packed);
    row.load(x + line * lines.size);
    F<T> largest = -infinity<F<T>>();
    row.each([&](int k) { largest = Larger<F<T>>{}(largest, widen(row[k])); });
    largest = warp_reduce(largest, Larger<F<T>>{});
    F<T> total = 0;
    row.each([&](int k) { total += std::exp(widen(row[k]) - largest); });
    total = warp_reduce(total, Plus<F<T>>{});
    const Finish<T> finish(largest, total, logarithm);
    row.each([&](int k) { row[k] = finish(row[k]); });
    row.store(y + line * lines.size);
  }
}

template <typename T, int kCount>
__global__ void softmax_grad_in_warps(const T* grad, const T* y, bool logarithm, T* grad_x,
                                      Lines lines, bool packed) {
  for (int64_t line = warp_number(); line < lines.count; line += warp_count()) {
    WarpRow<T, kCount> slopes(lines.size, packed);
    WarpRow<T, kCount> row(lines.size, packed);
    slopes.load(grad + line * lines.size);
    row.load(y + line * lines.size);
    F<T> sum = 0;
    row.each([&](int k) { sum += slope_term(slopes[k], row[k], logarithm); });
    sum = warp_reduce(sum, Plus<F<T>>{});
    row.each([&](int k) { row[k] = slope_of(slopes[k], row[k], sum, logarithm); });
    row.store(grad_x + line * lines.size);
  }
}

/// Calls body(number of items for each lane, whether they are packed) for rows that fit into a
/// warp. False: they do not.
template <typename T, typename Body>
bool in_warps(const Lines& lines, std::initializer_list<const void*> memory, const Body& body) {
  if (lines.inner > 1 || lines.size > kMostInWarp) return false;
  bool packed = lines.size % Pack<T>::kItems == 0;
  for (const void* one : memory) packed = packed && is_packable(one);
  if (lines.size <= 4 * kWarpThreads) {
    body(std::integral_constant<int, 4>(), packed);
  } else if (lines.size <= 8 * kWarpThreads) {
    body(std::integral_constant<int, 8>(), packed);
  } else {
    body(std::integral_constant<int, kMostInWarp / kWarpThreads>(), packed);
  }
  return true;
}

/// Whether lines are too few for a thread each, so that a block works on each.
bool in_blocks(const Lines& lines) {
  constexpr int64_t kManyLines = 64 * kThreads;
  constexpr int64_t kLong = 128;
  return lines.inner == 1 || (lines.count < kManyLines && lines.size > kLong);
}

/// A block for each line.
template <typename T>
__global__ void softmax_rows(const T* x, bool logarithm, T* y, Lines lines) {
  for (int64_t line = blockIdx.x; line < lines.count; line += gridDim.x) {
    const T* from = x + lines.start(line);
    T* to = y + lines.start(line);
    F<T> largest = -infinity<F<T>>();
    for (int64_t j = threadIdx.x; j < lines.size; j += blockDim.x) {
      largest = Larger<F<T>>{}(largest, widen(from[j * lines.inner]));
    }
    largest = block_reduce(largest, Larger<F<T>>{});
    F<T> total = 0;
    for (int64_t j = threadIdx.x; j < lines.size; j += blockDim.x) {
      total += std::exp(widen(from[j * lines.inner]) - largest);
    }
    total = block_reduce(total, Plus<F<T>>{});
    const Finish<T> finish(largest, total, logarithm);
    for (int64_t j = threadIdx.x; j < lines.size; j += blockDim.x) {
      to[j * lines.inner] = finish(from[j * lines.inner]);
    }
  }
}

/// A thread for each line; neighbours go along neighbouring lines.
template <typename T>
struct SoftmaxLine {
  const T* x;
  bool logarithm;
  T* y;
  Lines lines;

  __device__ void operator()(int64_t line) const {
    const int64_t start = lines.start(line);
    const int64_t end = start + lines.size * lines.inner;
    F<T> largest = -infinity<F<T>>();
    for (int64_t i = start; i < end; i += lines.inner) {
      largest = Larger<F<T>>{}(largest, widen(x[i]));
    }
    F<T> total = 0;
    for (int64_t i = start; i < end; i += lines.inner) total += std::exp(widen(x[i]) - largest);
    const Finish<T> finish(largest, total, logarithm);
    for (int64_t i = start; i < end; i += lines.inner) y[i] = finish(x[i]);
  }
};

template <typename T>
__global__ void softmax_grad_rows(const T* grad, const T* y, bool logarithm, T* grad_x,
                                  Lines lines) {
  for (int64_t line = blockIdx.x; line < lines.count; line += gridDim.x) {
    const int64_t start = lines.start(line);
    F<T> sum = 0;
    for (int64_t j = threadIdx.x; j < lines.size; j += blockDim.x) {
      const int64_t i = start + j * lines.inner;
      sum += slope_term(grad[i], y[i], logarithm);
    }
    sum = block_reduce(sum, Plus<F<T>>{});
    for (int64_t j = threadIdx.x; j < lines.size; j += blockDim.x) {
      const int64_t i = start + j * lines.inner;
      grad_x[i] = slope_of(grad[i], y[i], sum, logarithm);
    }
  }
}

template <typename T>
struct SoftmaxGradLine {
  const T* grad;
  const T* y;
  bool logarithm;
  T* grad_x;
  Lines lines;

  __device__ void operator()(int64_t line) const {
    const int64_t start = lines.start(line);
    const int64_t end = start + lines.size * lines.inner;
    F<T> sum = 0;
    for (int64_t i = start; i < end; i += lines.inner) sum += slope_term(grad[i], y[i], logarithm);
    for (int64_t i = start; i < end; i += lines.inner) {
      grad_x[i] = slope_of(grad[i], y[i], sum, logarithm);
    }
  }
};

/// 1 / (how many targets are kept), 0 for none; one block.
__global__ void count_kept(const int64_t* target, int64_t rows, int64_t classes,
                           int64_t ignore_index, FaultReport report, double* kept) {
  int64_t own = 0;
  for (int64_t i = threadIdx.x; i < rows; i += blockDim.x) {
    if (target[i] == ignore_index) continue;
    if (target[i] < 0 || target[i] >= classes) report.raise(FaultKind::Target, target[i], classes);
    ++own;
  }
  own = block_reduce(own, Plus<int64_t>{});
  if (threadIdx.x == 0) *kept = static_cast<double>(own);
}

/// Softmax, the gradient and the loss of each row.
template <typename T>
__global__ void cross_entropy_rows(const T* logits, const int64_t* target, int64_t ignore_index,
                                   const double* kept, T* grad, double* losses, int64_t rows,
                                   int64_t classes) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const T* x = logits + row * classes;
    T* to = grad + row * classes;
    const int64_t t = target[row];
    if (t == ignore_index || t < 0 || t >= classes) {
      for (int64_t j = threadIdx.x; j < classes; j += blockDim.x) to[j] = narrow<T>(0);
      if (threadIdx.x == 0) losses[row] = 0;
      continue;
    }
    F<T> largest = -infinity<F<T>>();
    for (int64_t j = threadIdx.x; j < classes; j += blockDim.x) {
      largest = Larger<F<T>>{}(largest, widen(x[j]));
    }
    largest = block_reduce(largest, Larger<F<T>>{});
    F<T> total = 0;
    for (int64_t j = threadIdx.x; j < classes; j += blockDim.x) {
      total += std::exp(widen(x[j]) - largest);
    }
    total = block_reduce(total, Plus<F<T>>{});
    const auto scale = static_cast<F<T>>(1 / *kept);
    for (int64_t j = threadIdx.x; j < classes; j += blockDim.x) {
      const F<T> share = std::exp(widen(x[j]) - largest) / total;
      to[j] = narrow<T>(scale * (j == t ? share - 1 : share));
    }
    if (threadIdx.x == 0) {
      losses[row] = static_cast<double>(largest + std::log(total) - widen(x[t]));
    }
  }
}

/// The mean of the kept losses; NaN where there are none. One block.
template <typename T>
__global__ void mean_loss(const double* losses, int64_t rows, const double* kept, T* loss) {
  double total = 0;
  for (int64_t i = threadIdx.x; i < rows; i += blockDim.x) total += losses[i];
  total = block_reduce(total, Plus<double>{});
  if (threadIdx.x == 0) *loss = narrow<T>(static_cast<F<T>>(total / *kept));
}

}  // namespace

void softmax(const Tensor& x, bool logarithm, const Tensor& y) {
  if (x.numel() == 0) return;
  const Lines lines(x);
  const int threads = threads_for_row(lines.size);
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const auto warps = [&](auto count, bool packed) {
      launch(softmax_in_warps<T, count.value>, blocks_for(lines.count * kWarpThreads), kThreads, 0,
             numbers<T>(x), logarithm, numbers<T>(y), lines, packed);
    };
    if (in_warps<T>(lines, {x.raw(), y.raw()}, warps)) return;
    if (in_blocks(lines)) {
      launch(softmax_rows<T>, blocks_for_rows(lines.count, threads), threads, 0, numbers<T>(x),
             logarithm, numbers<T>(y), lines);
    } else {
      for_each(lines.count, SoftmaxLine<T>{numbers<T>(x), logarithm, numbers<T>(y), lines});
    }
  });
}

void softmax_grad(const Tensor& grad, const Tensor& y, bool logarithm, const Tensor& grad_x) {
  if (y.numel() == 0) return;
  const Lines lines(y);
  const int threads = threads_for_row(lines.size);
  with_real(y.dtype(), [&](auto type) {
    using T = decltype(type);
    const auto warps = [&](auto count, bool packed) {
      launch(softmax_grad_in_warps<T, count.value>, blocks_for(lines.count * kWarpThreads),
             kThreads, 0, numbers<T>(grad), numbers<T>(y), logarithm, numbers<T>(grad_x), lines,
             packed);
    };
    if (in_warps<T>(lines, {grad.raw(), y.raw(), grad_x.raw()}, warps)) return;
    if (in_blocks(lines)) {
      launch(softmax_grad_rows<T>, blocks_for_rows(lines.count, threads), threads, 0,
             numbers<T>(grad), numbers<T>(y), logarithm, numbers<T>(grad_x), lines);
    } else {
      for_each(lines.count, SoftmaxGradLine<T>{numbers<T>(grad), numbers<T>(y), logarithm,
                                               numbers<T>(grad_x), lines});
    }
  });
}

void cross_entropy(const Tensor& logits, const Tensor& target, int64_t ignore_index,
                   const Tensor& loss, const Tensor& grad_logits) {
  const int64_t rows = logits.size(0);
  const int64_t classes = logits.size(1);
  const auto* wanted = target.data<int64_t>();
  const Scratch<double> kept(1, logits);
  const Scratch<double> losses(rows, logits);
  launch(count_kept, 1, kThreads, 0, wanted, rows, classes, ignore_index,
         fault_report("[CrossEntropyLoss]"), kept.data());
  with_real(logits.dtype(), [&](auto type) {
    using T = decltype(type);
    const int threads = threads_for_row(classes);
    launch(cross_entropy_rows<T>, blocks_for_rows(rows, threads), threads, 0, numbers<T>(logits),
           wanted, ignore_index, kept.data(), numbers<T>(grad_logits), losses.data(), rows,
           classes);
    launch(mean_loss<T>, 1, kThreads, 0, losses.data(), rows, kept.data(), numbers<T>(loss));
  });
}

}  // namespace nw::cuda
