#pragma once

#include "core/backend/kernel_types.h"
#include "core/tensor/tensor.h"

namespace nw {

class Generator;

enum class ActivationKind : uint8_t {
  Elu,          // a·(e^(c·x) − 1) below 0, b·x above
  Gelu,         // x·Φ(x)
  GeluTanh,     // its approximation by tanh
  Hardshrink,   // 0 from −a to a, else x
  Hardsigmoid,  // clamp(x/6 + 1/2, 0, 1)
  Hardswish,    // x·hardsigmoid(x)
  Hardtanh,     // clamp(x, a, b), whose gradient is 0 at both ends
  LeakyRelu,    // a·x below 0, else x
  LogSigmoid,
  Mish,        // x·tanh(ln(1 + eˣ))
  Silu,        // x·sigmoid(x)
  Softplus,    // ln(1 + e^(a·x)) / a, x where a·x > b
  Softshrink,  // x moved towards 0 by a, 0 from −a to a
  Softsign,    // x / (1 + |x|)
  Tanhshrink,  // x − tanh(x)
  Threshold,   // x above a, else b
};

/// An elementwise function with its numbers; what they mean stands at the kinds.
struct Activation {
  ActivationKind kind;
  double a = 0;
  double b = 0;
  double c = 0;
};

/// Activations. Dense row-major tensors of one size, floating point.
struct ActivationKernels {
  /// y = f(x)
  void (*forward)(const Activation& f, const Tensor& x, const Tensor& y);
  /// grad_x = grad · f'(x)
  void (*backward)(const Activation& f, const Tensor& grad, const Tensor& x, const Tensor& grad_x);
  /// y = x above 0, else weight · x; all (outer, channels, inner), weight (channels)
  void (*prelu)(const Tensor& x, const Tensor& weight, const Tensor& y);
  /// grad_weight is (outer, channels, inner), to be summed
  void (*prelu_grad)(const Tensor& grad, const Tensor& x, const Tensor& weight,
                     const Tensor& grad_x, const Tensor& grad_weight);
  /// factors = a number drawn from [from, to) where x is at most 0, else 1; drawn in the order of x
  void (*rrelu_factors)(Generator& generator, double from, double to, const Tensor& x,
                        const Tensor& factors);
  /// kept (bool) as bernoulli draws it with probability p; y = x · scale where it is 1, else x · 0.
  /// The scale is a number of x's dtype; y may be x.
  void (*dropout)(Generator& generator, double p, double scale, const Tensor& x, const Tensor& kept,
                  const Tensor& y);
  /// grad_x = grad · scale where kept is 1, else grad · 0
  void (*dropout_grad)(const Tensor& grad, const Tensor& kept, double scale, const Tensor& grad_x);
};

}  // namespace nw
