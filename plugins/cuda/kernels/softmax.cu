#include "plugins/cuda/kernels/block.h"
#include "plugins/cuda/kernels/fault.h"
#include "plugins/cuda/kernels/kernels.h"

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

/// A block for each line of neighbours.
template <typename T>
__global__ void softmax_rows(const T* x, bool logarithm, T* y, Lines lines) {
  for (int64_t line = blockIdx.x; line < lines.count; line += gridDim.x) {
    const T* from = x + line * lines.size;
    T* to = y + line * lines.size;
    F<T> largest = -infinity<F<T>>();
    for (int64_t j = threadIdx.x; j < lines.size; j += blockDim.x) {
      largest = Larger<F<T>>{}(largest, widen(from[j]));
    }
    largest = block_reduce(largest, Larger<F<T>>{});
    F<T> total = 0;
    for (int64_t j = threadIdx.x; j < lines.size; j += blockDim.x) {
      total += std::exp(widen(from[j]) - largest);
    }
    total = block_reduce(total, Plus<F<T>>{});
    const Finish<T> finish(largest, total, logarithm);
    for (int64_t j = threadIdx.x; j < lines.size; j += blockDim.x) to[j] = finish(from[j]);
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
__device__ F<T> slope_term(T grad, T y, bool logarithm) {
  return logarithm ? widen(grad) : widen(grad) * widen(y);
}
template <typename T>
__device__ T slope_of(T grad, T y, F<T> sum, bool logarithm) {
  const F<T> g = widen(grad);
  const F<T> v = widen(y);
  return narrow<T>(logarithm ? g - std::exp(v) * sum : (g - sum) * v);
}

template <typename T>
__global__ void softmax_grad_rows(const T* grad, const T* y, bool logarithm, T* grad_x,
                                  Lines lines) {
  for (int64_t line = blockIdx.x; line < lines.count; line += gridDim.x) {
    const int64_t start = line * lines.size;
    F<T> sum = 0;
    for (int64_t j = threadIdx.x; j < lines.size; j += blockDim.x) {
      sum += slope_term(grad[start + j], y[start + j], logarithm);
    }
    sum = block_reduce(sum, Plus<F<T>>{});
    for (int64_t j = threadIdx.x; j < lines.size; j += blockDim.x) {
      grad_x[start + j] = slope_of(grad[start + j], y[start + j], sum, logarithm);
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
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    if (lines.inner > 1) {
      return for_each(lines.count, SoftmaxLine<T>{numbers<T>(x), logarithm, numbers<T>(y), lines});
    }
    const int threads = threads_for_row(lines.size);
    launch(softmax_rows<T>, blocks_for_rows(lines.count, threads), threads, 0, numbers<T>(x),
           logarithm, numbers<T>(y), lines);
  });
}

void softmax_grad(const Tensor& grad, const Tensor& y, bool logarithm, const Tensor& grad_x) {
  if (y.numel() == 0) return;
  const Lines lines(y);
  with_real(y.dtype(), [&](auto type) {
    using T = decltype(type);
    if (lines.inner > 1) {
      return for_each(lines.count, SoftmaxGradLine<T>{numbers<T>(grad), numbers<T>(y), logarithm,
                                                      numbers<T>(grad_x), lines});
    }
    const int threads = threads_for_row(lines.size);
    launch(softmax_grad_rows<T>, blocks_for_rows(lines.count, threads), threads, 0,
           numbers<T>(grad), numbers<T>(y), logarithm, numbers<T>(grad_x), lines);
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
