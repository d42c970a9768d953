#include "core/backend/loss_kernels.h"
#include "plugins/cuda/kernels/block.h"
#include "plugins/cuda/kernels/fault.h"
#include "plugins/cuda/kernels/losses.h"

// Losses that hold the scores of wanted classes against those of the others. A block for each row.
namespace nw::cuda {
namespace {

struct MarginRows {
  const int64_t* target;
  int64_t rows, classes;
};

/// What is the same for all rows of MultiMarginLoss.
template <typename T>
struct Margin {
  const T* weight;  // null: none
  int64_t weights;
  int power;
  Wide<T> margin;

  __device__ Wide<T> factor(int64_t wanted) const {
    return weight != nullptr ? widen(weight[wanted]) : Wide<T>(1);
  }
  __device__ bool fits(int64_t wanted, int64_t classes) const {
    return wanted >= 0 && wanted < classes && (weight == nullptr || wanted < weights);
  }
  __device__ bool takes(int64_t wanted, int64_t classes, const FaultReport& report) const {
    if (fits(wanted, classes)) return true;
    const bool inside = wanted >= 0 && wanted < classes;
    report.raise(inside ? FaultKind::Weight : FaultKind::Target, wanted,
                 inside ? weights : classes);
    return false;
  }
};

template <typename T>
__global__ void multi_margin_rows(MarginRows all, const T* x, Margin<T> rule, T* out,
                                  FaultReport report) {
  using F = Wide<T>;
  for (int64_t row = blockIdx.x; row < all.rows; row += gridDim.x) {
    const int64_t wanted = all.target[row];
    if (!rule.takes(wanted, all.classes, report)) continue;
    const T* from = x + row * all.classes;
    const F score = widen(from[wanted]);
    F total = 0;
    for (int64_t j = threadIdx.x; j < all.classes; j += blockDim.x) {
      const F lack = rule.margin - score + widen(from[j]);
      if (j != wanted && lack > 0) total += rule.power == 1 ? lack : lack * lack;
    }
    total = block_reduce(total, Plus<F>{});
    if (threadIdx.x != 0) continue;
    out[row] = narrow<T>(rule.factor(wanted) * total / static_cast<F>(all.classes));
  }
}

template <typename T>
__global__ void multi_margin_grad_rows(MarginRows all, const T* grad, const T* x, Margin<T> rule,
                                       T* grad_x) {
  using F = Wide<T>;
  for (int64_t row = blockIdx.x; row < all.rows; row += gridDim.x) {
    const int64_t wanted = all.target[row];
    if (!rule.fits(wanted, all.classes)) continue;  // forward has told of it
    const T* from = x + row * all.classes;
    const F score = widen(from[wanted]);
    const F share = widen(grad[row]) / static_cast<F>(all.classes) * rule.factor(wanted);
    F total = 0;
    for (int64_t j = threadIdx.x; j < all.classes; j += blockDim.x) {
      if (j == wanted) continue;
      const F lack = rule.margin - score + widen(from[j]);
      const F slope = !(lack > 0) ? F(0) : rule.power == 1 ? share : 2 * share * lack;
      grad_x[row * all.classes + j] = narrow<T>(slope);
      total += slope;
    }
    total = block_reduce(total, Plus<F>{});
    if (threadIdx.x == 0) grad_x[row * all.classes + wanted] = narrow<T>(-total);
  }
}

/// How many classes are wanted in a row: those before the first −1; by one thread.
__device__ int64_t wanted_in(const MarginRows& all, const int64_t* wanted) {
  int64_t count = 0;
  while (count < all.classes && wanted[count] >= 0 && wanted[count] < all.classes) ++count;
  return count;
}
__device__ bool is_among(const int64_t* wanted, int64_t count, int64_t j) {
  for (int64_t w = 0; w < count; ++w) {
    if (wanted[w] == j) return true;
  }
  return false;
}

template <typename T>
__global__ void multi_label_rows(MarginRows all, const T* x, T* out, FaultReport report) {
  using F = Wide<T>;
  for (int64_t row = blockIdx.x; row < all.rows; row += gridDim.x) {
    const int64_t* wanted = all.target + row * all.classes;
    const T* from = x + row * all.classes;
    for (int64_t j = threadIdx.x; j < all.classes; j += blockDim.x) {
      if (wanted[j] < -1 || wanted[j] >= all.classes) {
        report.raise(FaultKind::SignedTarget, wanted[j], all.classes);
      }
    }
    const int64_t count = wanted_in(all, wanted);
    F total = 0;
    for (int64_t j = threadIdx.x; j < all.classes; j += blockDim.x) {
      if (is_among(wanted, count, j)) continue;
      for (int64_t w = 0; w < count; ++w) {
        const F lack = 1 - widen(from[wanted[w]]) + widen(from[j]);
        if (lack > 0) total += lack;
      }
    }
    total = block_reduce(total, Plus<F>{});
    if (threadIdx.x == 0) out[row] = narrow<T>(total / static_cast<F>(all.classes));
  }
}

/// Each class counts the pairs in which it lacks something or is lacked.
template <typename T>
__global__ void multi_label_grad_rows(MarginRows all, const T* grad, const T* x, T* grad_x) {
  using F = Wide<T>;
  for (int64_t row = blockIdx.x; row < all.rows; row += gridDim.x) {
    const int64_t* wanted = all.target + row * all.classes;
    const T* from = x + row * all.classes;
    const int64_t count = wanted_in(all, wanted);
    const F share = widen(grad[row]) / static_cast<F>(all.classes);
    for (int64_t j = threadIdx.x; j < all.classes; j += blockDim.x) {
      const F own = widen(from[j]);
      int64_t pairs = 0;
      int64_t times = 0;  // that the class is named as a wanted one
      for (int64_t w = 0; w < count; ++w) times += wanted[w] == j ? 1 : 0;
      if (times == 0) {
        for (int64_t w = 0; w < count; ++w) pairs += 1 - widen(from[wanted[w]]) + own > 0 ? 1 : 0;
      } else {
        for (int64_t k = 0; k < all.classes; ++k) {
          if (is_among(wanted, count, k)) continue;
          pairs -= 1 - own + widen(from[k]) > 0 ? times : 0;
        }
      }
      // No pair, no gradient: also where the gradient is no number.
      grad_x[row * all.classes + j] = narrow<T>(pairs == 0 ? F(0) : share * static_cast<F>(pairs));
    }
  }
}

template <typename T>
Margin<T> margin_of(const Tensor& weight, int power, double margin) {
  return {numbers<T>(weight), weight.defined() ? weight.numel() : 0, power,
          static_cast<Wide<T>>(margin)};
}

MarginRows rows_of(const Tensor& x, const Tensor& target) {
  return {target.data<int64_t>(), x.size(0), x.size(1)};
}

}  // namespace

void multi_margin(const Tensor& x, const Tensor& target, const Tensor& weight, int power,
                  double margin, const Tensor& out) {
  const MarginRows all = rows_of(x, target);
  const int threads = threads_for_row(all.classes);
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    launch(multi_margin_rows<T>, blocks_for_rows(all.rows, threads), threads, 0, all, numbers<T>(x),
           margin_of<T>(weight, power, margin), numbers<T>(out), fault_report("[MultiMarginLoss]"));
  });
}

void multi_margin_grad(const Tensor& grad, const Tensor& x, const Tensor& target,
                       const Tensor& weight, int power, double margin, const Tensor& grad_x) {
  const MarginRows all = rows_of(x, target);
  const int threads = threads_for_row(all.classes);
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    launch(multi_margin_grad_rows<T>, blocks_for_rows(all.rows, threads), threads, 0, all,
           numbers<T>(grad), numbers<T>(x), margin_of<T>(weight, power, margin),
           numbers<T>(grad_x));
  });
}

void multi_label_margin(const Tensor& x, const Tensor& target, const Tensor& out) {
  const MarginRows all = rows_of(x, target);
  const int threads = threads_for_row(all.classes);
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    launch(multi_label_rows<T>, blocks_for_rows(all.rows, threads), threads, 0, all, numbers<T>(x),
           numbers<T>(out), fault_report("[MultiLabelMarginLoss]"));
  });
}

void multi_label_margin_grad(const Tensor& grad, const Tensor& x, const Tensor& target,
                             const Tensor& grad_x) {
  const MarginRows all = rows_of(x, target);
  const int threads = threads_for_row(all.classes);
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    launch(multi_label_grad_rows<T>, blocks_for_rows(all.rows, threads), threads, 0, all,
           numbers<T>(grad), numbers<T>(x), numbers<T>(grad_x));
  });
}

}  // namespace nw::cuda
