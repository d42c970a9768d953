#include "plugins/cuda/kernels/loss_formulas.h"

#include "plugins/cuda/kernels/block.h"
#include "plugins/cuda/kernels/fault.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/losses.h"
#include "plugins/cuda/kernels/map.h"

namespace nw::cuda {
namespace {

template <typename T>
struct Nll {
  const T* log_probs;
  const int64_t* target;
  const T* weight;
  int64_t ignore_index, classes, inner;
  T* out;
  T* weights_out;
  FaultReport report;

  __device__ void operator()(int64_t i) const {
    const int64_t t = target[i];
    const bool inside = t >= 0 && t < classes;
    if (!inside && t != ignore_index) report.raise(FaultKind::Target, t, classes);
    if (!inside || t == ignore_index) {
      out[i] = narrow<T>(0);
      weights_out[i] = narrow<T>(0);
      return;
    }
    const Wide<T> factor = weight != nullptr ? widen(weight[t]) : Wide<T>(1);
    weights_out[i] = narrow<T>(factor);
    out[i] = narrow<T>(-factor * widen(log_probs[(i / inner * classes + t) * inner + i % inner]));
  }
};

template <typename T>
struct NllGrad {
  const T* grad;
  const int64_t* target;
  const T* weight;
  int64_t ignore_index, classes, inner;
  T* out;

  __device__ void operator()(int64_t i) const {
    const int64_t row = i / (inner * classes) * inner + i % inner;
    const int64_t t = target[row];
    if (t == ignore_index || t != i / inner % classes) {
      out[i] = narrow<T>(0);
      return;
    }
    const Wide<T> factor = weight != nullptr ? widen(weight[t]) : Wide<T>(1);
    out[i] = narrow<T>(-factor * widen(grad[row]));
  }
};

template <typename F>
struct Loss {
  PointwiseLoss kind;
  F parameter;
  FaultReport report;

  __device__ F operator()(F x, F t) const {
    if (kind == PointwiseLoss::BinaryCrossEntropy && !(x >= 0 && x <= 1)) {
      report.raise(FaultKind::Probability, 0, 0);
    }
    return loss_of(kind, parameter, x, t);
  }
};
template <typename F>
struct LossSlope {
  PointwiseLoss kind;
  F parameter;

  NW_BOTH F operator()(F grad, F x, F t) const {
    return grad * loss_slope_of(kind, parameter, x, t);
  }
};

/// Norms of rows; p as PyTorch rounds it.
template <typename T>
__global__ void norm_rows(const T* x, float p, T* out, int64_t rows, int64_t columns) {
  using F = Wide<T>;
  const bool extreme = std::fabs(p) == HUGE_VALF;
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    F total = p < 0 && extreme ? infinity<F>() : F(0);
    for (int64_t j = threadIdx.x; j < columns; j += blockDim.x) {
      const F size = std::fabs(widen(x[row * columns + j]));
      if (extreme) {
        total = p > 0 ? Larger<F>{}(total, size) : -Larger<F>{}(-total, -size);
      } else {
        total += p == 0   ? F(size != 0)
                 : p == 1 ? size
                 : p == 2 ? size * size
                          : std::pow(size, static_cast<F>(p));
      }
    }
    if (!extreme) {
      total = block_reduce(total, Plus<F>{});
      if (p != 0 && p != 1) total = p == 2 ? std::sqrt(total) : std::pow(total, F(1) / p);
    } else {
      total = p > 0 ? block_reduce(total, Larger<F>{}) : -block_reduce(-total, Larger<F>{});
    }
    if (threadIdx.x == 0) out[row] = narrow<T>(columns > 0 ? total : F(0));
  }
}

template <typename T>
__global__ void norm_grad_rows(const T* grad, const T* x, double p, const T* norm, T* grad_x,
                               int64_t rows, int64_t columns) {
  using F = Wide<T>;
  const bool extreme = std::fabs(p) == HUGE_VAL;
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const T* from = x + row * columns;
    const F whole = widen(norm[row]);
    F factor = widen(grad[row]);
    if (extreme) {
      F sharing = 0;
      for (int64_t j = threadIdx.x; j < columns; j += blockDim.x) {
        sharing += F(std::fabs(widen(from[j])) == whole);
      }
      factor /= block_reduce(sharing, Plus<F>{});
    }
    for (int64_t j = threadIdx.x; j < columns; j += blockDim.x) {
      const F value = widen(from[j]);
      const F slope = !extreme                    ? norm_slope_of(value, p, whole)
                      : std::fabs(value) == whole ? sign_of(value)
                                                  : F(0);
      grad_x[row * columns + j] = narrow<T>(extreme && slope == 0 ? F(0) : factor * slope);
    }
  }
}

template <typename T>
struct CheckNotNegative {
  const T* x;
  FaultReport report;

  __device__ void operator()(int64_t i) const {
    const auto value = static_cast<double>(widen(x[i]));
    if (value < 0) report.raise(FaultKind::Negative, bits_of(value), 0);
  }
  __device__ static int64_t bits_of(double value) {
#ifdef __CUDA_ARCH__
    return __double_as_longlong(value);
#else
    return std::bit_cast<int64_t>(value);
#endif
  }
};

void check_not_negative(const Tensor& x, std::string_view text) {
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(x.numel(), CheckNotNegative<T>{numbers<T>(x), fault_report(kept_text(text))});
  });
}

void pointwise(PointwiseLoss kind, double parameter, const Tensor& x, const Tensor& target,
               const Tensor& out) {
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    const Loss<Wide<T>> formula{kind, static_cast<Wide<T>>(parameter), fault_report("[BCELoss]")};
    map(formula, Inputs<T, 2>{{numbers<T>(x), numbers<T>(target)}, {false, false}}, numbers<T>(out),
        x.numel());
  });
}

void pointwise_grad(PointwiseLoss kind, double parameter, const Tensor& grad, const Tensor& x,
                    const Tensor& target, const Tensor& grad_x) {
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    map(LossSlope<Wide<T>>{kind, static_cast<Wide<T>>(parameter)},
        Inputs<T, 3>{{numbers<T>(grad), numbers<T>(x), numbers<T>(target)}, {false, false, false}},
        numbers<T>(grad_x), x.numel());
  });
}

void row_norm(const Tensor& x, double p, const Tensor& out) {
  const int threads = threads_for_row(x.size(1));
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    launch(norm_rows<T>, blocks_for_rows(x.size(0), threads), threads, 0, numbers<T>(x),
           static_cast<float>(p), numbers<T>(out), x.size(0), x.size(1));
  });
}

void row_norm_grad(const Tensor& grad, const Tensor& x, double p, const Tensor& norm,
                   const Tensor& grad_x) {
  const int threads = threads_for_row(x.size(1));
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    launch(norm_grad_rows<T>, blocks_for_rows(x.size(0), threads), threads, 0, numbers<T>(grad),
           numbers<T>(x), p, numbers<T>(norm), numbers<T>(grad_x), x.size(0), x.size(1));
  });
}

}  // namespace

void nll(const Tensor& log_probs, const Tensor& target, const Tensor& weight, int64_t ignore_index,
         const Tensor& out, const Tensor& weights_out) {
  with_real(log_probs.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(target.numel(),
             Nll<T>{numbers<T>(log_probs), numbers<int64_t>(target), numbers<T>(weight),
                    ignore_index, log_probs.size(1), log_probs.size(2), numbers<T>(out),
                    numbers<T>(weights_out), fault_report("[NLLLoss]")});
  });
}

void nll_grad(const Tensor& grad, const Tensor& target, const Tensor& weight, int64_t ignore_index,
              const Tensor& grad_log_probs) {
  with_real(grad.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(
        grad_log_probs.numel(),
        NllGrad<T>{numbers<T>(grad), numbers<int64_t>(target), numbers<T>(weight), ignore_index,
                   grad_log_probs.size(1), grad_log_probs.size(2), numbers<T>(grad_log_probs)});
  });
}

const LossKernels kLossKernels{
    .pointwise = pointwise,
    .pointwise_grad = pointwise_grad,
    .ctc = ctc,
    .ctc_grad = ctc_grad,
    .multi_margin = multi_margin,
    .multi_margin_grad = multi_margin_grad,
    .multi_label_margin = multi_label_margin,
    .multi_label_margin_grad = multi_label_margin_grad,
    .row_norm = row_norm,
    .row_norm_grad = row_norm_grad,
    .check_not_negative = check_not_negative,
};

}  // namespace nw::cuda
