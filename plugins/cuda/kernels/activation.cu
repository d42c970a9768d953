#include "plugins/cuda/kernels/activation_formulas.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/map.h"

namespace nw::cuda {
namespace {

template <typename F>
struct Forward {
  ActivationKind kind;
  F a, b, c;
  NW_BOTH F operator()(F x) const { return activation_of(kind, x, a, b, c); }
};
template <typename F>
struct Backward {
  ActivationKind kind;
  F a, b, c;
  NW_BOTH F operator()(F grad, F x) const { return activation_grad_of(kind, grad, x, a, b, c); }
};

template <typename T>
struct Prelu {
  const T* x;
  const T* weight;
  T* y;
  int64_t channels, inner;

  __device__ void operator()(int64_t i) const {
    const Wide<T> value = widen(x[i]);
    const Wide<T> slope = widen(weight[i / inner % channels]);
    y[i] = narrow<T>(value > 0 ? value : slope * value);
  }
};

template <typename T>
struct PreluGrad {
  const T* grad;
  const T* x;
  const T* weight;
  T* grad_x;
  T* grad_weight;
  int64_t channels, inner;

  __device__ void operator()(int64_t i) const {
    const Wide<T> value = widen(x[i]);
    const Wide<T> above = widen(grad[i]);
    const Wide<T> slope = widen(weight[i / inner % channels]);
    grad_x[i] = narrow<T>(value > 0 ? above : slope * above);
    grad_weight[i] = narrow<T>(value > 0 ? Wide<T>(0) : value * above);
  }
};

void forward(const Activation& f, const Tensor& x, const Tensor& y) {
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    using F = Wide<T>;
    const Forward<F> formula{f.kind, static_cast<F>(f.a), static_cast<F>(f.b), static_cast<F>(f.c)};
    map(formula, Inputs<T, 1>{{numbers<T>(x)}, {false}}, numbers<T>(y), y.numel());
  });
}

void backward(const Activation& f, const Tensor& grad, const Tensor& x, const Tensor& grad_x) {
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    using F = Wide<T>;
    const Backward<F> formula{f.kind, static_cast<F>(f.a), static_cast<F>(f.b),
                              static_cast<F>(f.c)};
    map(formula, Inputs<T, 2>{{numbers<T>(grad), numbers<T>(x)}, {false, false}},
        numbers<T>(grad_x), x.numel());
  });
}

void prelu(const Tensor& x, const Tensor& weight, const Tensor& y) {
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(x.numel(),
             Prelu<T>{numbers<T>(x), numbers<T>(weight), numbers<T>(y), x.size(1), x.size(2)});
  });
}

void prelu_grad(const Tensor& grad, const Tensor& x, const Tensor& weight, const Tensor& grad_x,
                const Tensor& grad_weight) {
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each(x.numel(),
             PreluGrad<T>{numbers<T>(grad), numbers<T>(x), numbers<T>(weight), numbers<T>(grad_x),
                          numbers<T>(grad_weight), x.size(1), x.size(2)});
  });
}

}  // namespace

const ActivationKernels kActivationKernels{
    .forward = forward,
    .backward = backward,
    .prelu = prelu,
    .prelu_grad = prelu_grad,
};

}  // namespace nw::cuda
