#pragma once

#include "core/backend/activation_kernels.h"
#include "plugins/cuda/kernels/elementwise_formulas.h"

/// The activations and their slopes; core/backend/activation_kernels.h says what a, b and c are.
namespace nw::cuda {

template <typename F>
NW_BOTH F at_most(F x, F limit) {
  return x > limit ? limit : x;  // keeps NaN
}
template <typename F>
NW_BOTH F at_least(F x, F limit) {
  return x < limit ? limit : x;
}

/// tanh(ln(1 + eˣ)) = n / (n + 2) with n = eˣ·(eˣ + 2), which does not overflow for x up to 20.
template <typename F>
NW_BOTH F mish_numerator(F x) {
  const F e = std::exp(at_most(x, F(20)));
  return e * (e + 2);
}

template <typename F>
NW_BOTH F gelu_tanh_inner(F x) {
  return F(0.79788456080286535588) * (x + F(0.044715) * x * x * x);
}

template <typename F>
NW_BOTH F activation_of(ActivationKind kind, F x, F a, F b, F c) {
  switch (kind) {
    case ActivationKind::Elu:
      return x <= 0 ? a * std::expm1(x * c) : b * x;
    case ActivationKind::Gelu:
      return x * F(0.5) * (1 + std::erf(x * F(0.70710678118654752440)));
    case ActivationKind::GeluTanh:
      return F(0.5) * x * (1 + std::tanh(gelu_tanh_inner(x)));
    case ActivationKind::Hardshrink:
      return x >= -a && x <= a ? F(0) : x;
    case ActivationKind::Hardsigmoid:
      return at_most(at_least(x + 3, F(0)), F(6)) / 6;
    case ActivationKind::Hardswish:
      return x * at_most(at_least(x + 3, F(0)), F(6)) / 6;
    case ActivationKind::Hardtanh:
      return at_most(at_least(x, a), b);
    case ActivationKind::LeakyRelu:
      return x > 0 ? x : x * a;
    case ActivationKind::LogSigmoid:
      return at_most(x, F(0)) - std::log1p(std::exp(-std::fabs(x)));
    case ActivationKind::Mish: {
      const F numerator = mish_numerator(x);
      return x * (numerator / (numerator + 2));
    }
    case ActivationKind::Silu:
      return x / (1 + std::exp(-x));
    case ActivationKind::Softplus:
      return x * a > b ? x : std::log1p(std::exp(x * a)) / a;
    case ActivationKind::Softshrink:
      return x > a ? x - a : x < -a ? x + a : F(0);
    case ActivationKind::Softsign:
      return x / (1 + std::fabs(x));
    case ActivationKind::Tanhshrink:
      return x - std::tanh(x);
    case ActivationKind::Threshold:
      return x <= a ? b : x;
  }
  return not_a_number<F>();
}

/// grad · f'(x)
template <typename F>
NW_BOTH F activation_grad_of(ActivationKind kind, F grad, F x, F a, F b, F c) {
  switch (kind) {
    case ActivationKind::Elu:
      return x <= 0 ? grad * c * a * std::exp(x * c) : grad * b;
    case ActivationKind::Gelu: {
      const F below = F(0.5) * (1 + std::erf(x * F(0.70710678118654752440)));
      const F density = F(0.39894228040143267794) * std::exp(F(-0.5) * x * x);
      return grad * (below + x * density);
    }
    case ActivationKind::GeluTanh: {
      const F t = std::tanh(gelu_tanh_inner(x));
      const F inner_slope = F(0.79788456080286535588) * (1 + F(3 * 0.044715) * x * x);
      return grad * (F(0.5) * (1 + t) + F(0.5) * x * (1 - t * t) * inner_slope);
    }
    case ActivationKind::Hardshrink:
    case ActivationKind::Softshrink:
      return x >= -a && x <= a ? F(0) : grad;
    case ActivationKind::Hardsigmoid:
      return x > -3 && x < 3 ? grad / 6 : F(0);
    case ActivationKind::Hardswish:
      return x < -3 ? F(0) : x < 3 ? grad * (x / 3 + F(0.5)) : grad;
    case ActivationKind::Hardtanh:
      return x <= a || x >= b ? F(0) : grad;
    case ActivationKind::LeakyRelu:
      return x > 0 ? grad : grad * a;
    case ActivationKind::LogSigmoid: {
      const F z = std::exp(-std::fabs(x));
      const F share = z / (1 + z);
      return grad * (x < 0 ? 1 - share : share);
    }
    case ActivationKind::Mish: {
      const F numerator = mish_numerator(x);
      const F t = numerator / (numerator + 2);
      const F rest = 2 / (numerator + 2);  // 1 − t, which stays a little above 0
      return grad * (t + at_most(x, F(20)) * sigmoid(x) * rest * (1 + t));
    }
    case ActivationKind::Silu: {
      const F s = sigmoid(x);
      return grad * s * (1 + x * (1 - s));
    }
    case ActivationKind::Softplus: {
      const F z = std::exp(x * a);
      return x * a > b ? grad : grad * z / (z + 1);
    }
    case ActivationKind::Softsign: {
      const F d = 1 + std::fabs(x);
      return grad / (d * d);
    }
    case ActivationKind::Tanhshrink: {
      const F t = std::tanh(x);
      return grad * (t * t);
    }
    case ActivationKind::Threshold:
      return x <= a ? F(0) : grad;
  }
  return not_a_number<F>();
}

}  // namespace nw::cuda
