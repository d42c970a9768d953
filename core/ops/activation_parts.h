#pragma once

#include "core/backend/activation_kernels.h"
#include "core/tensor/tensor.h"

/// What the activations that make a new tensor and those in place share.
namespace nw::ops {

/// ELU with the alpha and scale that keep mean 0 and variance 1.
inline constexpr double kSeluScale = 1.0507009873554804934193349852946;
inline constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
inline constexpr Activation kSelu{ActivationKind::Elu, kSeluAlpha* kSeluScale, kSeluScale, 1};
/// Throws Error for alpha 0.
Activation celu_of(double alpha);
/// What its derivative is computed with: PyTorch rounds 1/alpha to float32 there.
Activation celu_slope(double alpha);

/// A limit that PyTorch rounds to x's dtype before it compares numbers with it.
double limit_for(const Tensor& x, double limit);

/// All numbers of a dense tensor in the order in which they lie, without history.
Tensor row_of(const Tensor& dense);
/// grad · f'(at), of any strides both.
Tensor activation_gradient(const Activation& f, const Tensor& grad, const Tensor& at);

}  // namespace nw::ops
