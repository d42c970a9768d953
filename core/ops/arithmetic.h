#pragma once

#include "core/tensor/tensor.h"

// Arithmetic of tensors of any dtype with torch's broadcasting and type promotion
// (core/ops/promotion.h), on one device. Gradients of complex numbers are torch's: dL/d(real) +
// i·dL/d(imaginary).

namespace nw {
namespace ops {

/// a + b; of bool: or.
Tensor add(const Tensor& a, const Tensor& b);
Tensor add(const Tensor& a, const Scalar& b);
/// a − b; not for bool.
Tensor sub(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Scalar& b);
/// a · b; of bool: and.
Tensor mul(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Scalar& b);
/// The true quotient: of whole numbers a float32 one.
Tensor div(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Scalar& b);
Tensor div(const Scalar& a, const Tensor& b);
/// a − b and a / b turned around.
Tensor sub(const Scalar& a, const Tensor& b);
/// ⌊a / b⌋, not differentiable. Whole numbers cannot be divided by 0.
Tensor floor_divide(const Tensor& a, const Tensor& b);
Tensor floor_divide(const Tensor& a, const Scalar& b);
Tensor floor_divide(const Scalar& a, const Tensor& b);
/// a − b·⌊a / b⌋: has b's sign, as Python's %.
Tensor remainder(const Tensor& a, const Tensor& b);
Tensor remainder(const Tensor& a, const Scalar& b);
Tensor remainder(const Scalar& a, const Tensor& b);
/// The rest of a division towards 0: has a's sign, as C's fmod.
Tensor fmod(const Tensor& a, const Tensor& b);
Tensor fmod(const Tensor& a, const Scalar& b);
/// a to the power b.
Tensor pow(const Tensor& a, const Tensor& b);
Tensor pow(const Tensor& a, const Scalar& b);
Tensor pow(const Scalar& a, const Tensor& b);
/// The angle of the point (b, a), −π … π.
Tensor atan2(const Tensor& a, const Tensor& b);

/// x · scale + shift, elementwise, of floating-point numbers.
Tensor affine(const Tensor& x, double scale, double shift);
/// −x; not for bool.
Tensor neg(const Tensor& x);
/// a + weight · (b − a); the weight a number or a tensor.
Tensor lerp(const Tensor& a, const Tensor& b, const Scalar& weight);
Tensor lerp(const Tensor& a, const Tensor& b, const Tensor& weight);
/// x + value · a · b, and x + value · a / b.
Tensor addcmul(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value = 1);
Tensor addcdiv(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value = 1);

}  // namespace ops

Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& x);
Tensor operator+(const Tensor& a, const Scalar& b);
Tensor operator-(const Tensor& a, const Scalar& b);
Tensor operator*(const Tensor& a, const Scalar& b);
Tensor operator/(const Tensor& a, const Scalar& b);
Tensor operator+(const Scalar& a, const Tensor& b);
Tensor operator-(const Scalar& a, const Tensor& b);
Tensor operator*(const Scalar& a, const Tensor& b);
Tensor operator/(const Scalar& a, const Tensor& b);

}  // namespace nw
