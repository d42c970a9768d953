#pragma once

#include "core/backend/element_op.h"
#include "core/ops/activation.h"
#include "core/tensor/dtype.h"

/// The functions of core/ops/activation.h, and sum and product, as what they do to single numbers:
/// what those functions run, and what chains are made of (core/ops/chain.h).
namespace nw::ops::elements {

inline constexpr ElementOp kAdd{ElementKind::Add};
inline constexpr ElementOp kMul{ElementKind::Mul};
inline constexpr ElementOp kRelu{ElementKind::Relu};
inline constexpr ElementOp kTanh{ElementKind::Tanh};
inline constexpr ElementOp kSigmoid{ElementKind::Sigmoid};

/// One whose gradient is that of f itself.
constexpr ElementOp of(const Activation& f) {
  return {ElementKind::Activation, f, f};
}

constexpr ElementOp elu(double alpha, double scale = 1, double input_scale = 1) {
  return of({ActivationKind::Elu, alpha * scale, scale, input_scale});
}
inline constexpr ElementOp kSelu =
    elu(1.6732632423543772848170429916717, 1.0507009873554804934193349852946);
/// Throws Error for alpha 0.
ElementOp celu(double alpha);
constexpr ElementOp leaky_relu(double slope) {
  return of({ActivationKind::LeakyRelu, slope});
}
constexpr ElementOp gelu(GeluForm form) {
  return of({form == GeluForm::Tanh ? ActivationKind::GeluTanh : ActivationKind::Gelu});
}
inline constexpr ElementOp kSilu = of({ActivationKind::Silu});
inline constexpr ElementOp kMish = of({ActivationKind::Mish});
constexpr ElementOp softplus(double beta, double threshold) {
  return of({ActivationKind::Softplus, beta, threshold});
}
inline constexpr ElementOp kSoftsign = of({ActivationKind::Softsign});
inline constexpr ElementOp kLogSigmoid = of({ActivationKind::LogSigmoid});
inline constexpr ElementOp kTanhshrink = of({ActivationKind::Tanhshrink});
constexpr ElementOp hardtanh(double least, double most) {
  return of({ActivationKind::Hardtanh, least, most});
}
inline constexpr ElementOp kRelu6 = hardtanh(0, 6);
inline constexpr ElementOp kHardsigmoid = of({ActivationKind::Hardsigmoid});
inline constexpr ElementOp kHardswish = of({ActivationKind::Hardswish});

// Of numbers of `dtype`, to which PyTorch rounds a limit before it compares them with it.
double rounded_limit(DType dtype, double limit);
ElementOp threshold(double limit, double value, DType dtype);
ElementOp hardshrink(double limit, DType dtype);
/// Throws Error for a limit below 0.
ElementOp softshrink(double limit, DType dtype);

}  // namespace nw::ops::elements
