#include "core/backend/activation_kernels.h"
#include "plugins/cuda/kernels/activation_formulas.h"
#include "plugins/cuda/kernels/fault.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/map.h"
#include "plugins/cuda/kernels/philox.h"

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

/// Numbers come in groups of four; a thread draws a group.
template <typename T>
struct RreluFactors {
  Generator::Philox place;
  Wide<T> from, span;
  int64_t count;
  const T* x;
  T* factors;
  FaultReport report;

  __device__ void operator()(int64_t group) const {
    PhiloxWords words[2] = {philox_words(place, group), {}};
    if constexpr (sizeof(T) == sizeof(double)) words[1] = philox_words(place, group, 1);
    for (int j = 0; j < 4 && 4 * group + j < count; ++j) {
      const int64_t i = 4 * group + j;
      const bool drawn = widen(x[i]) <= 0;
      if (drawn && !(span >= 0)) report.raise(FaultKind::Said, 0, 0);
      factors[i] = narrow<T>(drawn ? std::fma(unit_of<T>(words, j), span, from) : Wide<T>(1));
    }
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

void rrelu_factors(Generator& generator, double from, double to, const Tensor& x,
                   const Tensor& factors) {
  const FaultReport report =
      fault_report(kept_text(concat("[RReLU] lower must be at most upper, is ", from, " of ", to)));
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    for_each((x.numel() + 3) / 4,
             RreluFactors<T>{generator.philox(sizeof(T) == 8 ? 8 : 4), static_cast<Wide<T>>(from),
                             static_cast<Wide<T>>(to - from), x.numel(), numbers<T>(x),
                             numbers<T>(factors), report});
  });
}

}  // namespace

const ActivationKernels kActivationKernels{
    .forward = forward,
    .backward = backward,
    .prelu = prelu,
    .prelu_grad = prelu_grad,
    .rrelu_factors = rrelu_factors,
    .dropout = dropout,
    .dropout_grad = dropout_grad,
};

}  // namespace nw::cuda
