#include "core/backend/fallback.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/launch.h"

namespace nw::cuda {
namespace {

template <typename T>
struct Sgd {
  using F = Wide<T>;
  F rate, momentum, fresh, decay, sign;
  bool nesterov, first;
  const T* grad;
  T* param;
  T* buffer;  // null: no momentum

  __device__ void operator()(int64_t i) const {
    const F p = widen(param[i]);
    F g = widen(grad[i]) * sign;
    if (decay != 0) g = g + p * decay;
    if (buffer != nullptr) {
      const F b = first ? g : widen(buffer[i]) * momentum + g * fresh;
      buffer[i] = narrow<T>(b);
      g = nesterov ? g + b * momentum : b;
    }
    param[i] = narrow<T>(p - g * rate);
  }
};

template <typename T>
struct Adam {
  using F = Wide<T>;
  F beta1, fresh1, beta2, fresh2, decay, sign, rate, root, eps;
  const T* grad;
  T* param;
  T* mean;
  T* square;
  T* largest;  // null unless amsgrad

  __device__ void operator()(int64_t i) const {
    const F p = widen(param[i]);
    F g = widen(grad[i]) * sign;
    if (decay != 0) g = g + p * decay;
    const F m = widen(mean[i]) * beta1 + g * fresh1;
    F v = widen(square[i]) * beta2 + g * g * fresh2;
    mean[i] = narrow<T>(m);
    square[i] = narrow<T>(v);
    if (largest != nullptr) {
      const F before = widen(largest[i]);
      v = v <= before ? before : v;
      largest[i] = narrow<T>(v);
    }
    param[i] = narrow<T>(p - m * rate / (std::sqrt(v) / root + eps));
  }
};

/// Whether all that are there have the dtype of the first.
bool is_of_one_dtype(std::initializer_list<const Tensor*> tensors) {
  const DType dtype = (*tensors.begin())->dtype();
  return std::all_of(tensors.begin(), tensors.end(), [&](const Tensor* tensor) {
    return !tensor->defined() || tensor->dtype() == dtype;
  });
}

}  // namespace

void sgd(const SgdStep& step, const Tensor& grad, const Tensor& param, const Tensor& buffer) {
  if (!is_of_one_dtype({&param, &grad, &buffer})) {
    return fallback_kernels().sgd(step, grad, param, buffer);
  }
  with_real(param.dtype(), [&](auto type) {
    using T = decltype(type);
    using F = Wide<T>;
    for_each(param.numel(),
             Sgd<T>{static_cast<F>(step.lr), static_cast<F>(step.momentum),
                    static_cast<F>(1 - step.dampening), static_cast<F>(step.weight_decay),
                    step.maximize ? F(-1) : F(1), step.nesterov, step.first, numbers<T>(grad),
                    numbers<T>(param), step.momentum != 0 ? numbers<T>(buffer) : nullptr});
  });
}

void adam(const AdamStep& step, const Tensor& grad, const Tensor& param, const Tensor& exp_avg,
          const Tensor& exp_avg_sq, const Tensor& max_exp_avg_sq) {
  if (!is_of_one_dtype({&param, &grad, &exp_avg, &exp_avg_sq, &max_exp_avg_sq})) {
    return fallback_kernels().adam(step, grad, param, exp_avg, exp_avg_sq, max_exp_avg_sq);
  }
  const auto steps = static_cast<double>(step.step);
  const double rate = step.lr / (1 - std::pow(step.beta1, steps));
  const double root = std::sqrt(1 - std::pow(step.beta2, steps));
  with_real(param.dtype(), [&](auto type) {
    using T = decltype(type);
    using F = Wide<T>;
    for_each(param.numel(),
             Adam<T>{static_cast<F>(step.beta1), static_cast<F>(1 - step.beta1),
                     static_cast<F>(step.beta2), static_cast<F>(1 - step.beta2),
                     static_cast<F>(step.weight_decay), step.maximize ? F(-1) : F(1),
                     static_cast<F>(rate), static_cast<F>(root), static_cast<F>(step.eps),
                     numbers<T>(grad), numbers<T>(param), numbers<T>(exp_avg),
                     numbers<T>(exp_avg_sq), step.amsgrad ? numbers<T>(max_exp_avg_sq) : nullptr});
  });
}

}  // namespace nw::cuda
