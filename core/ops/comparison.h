#pragma once

#include <optional>

#include "core/tensor/tensor.h"

/// Comparisons, logic, bits, and what chooses between numbers; of any dtype unless a line says
/// otherwise, with torch's broadcasting and type promotion.
namespace nw::ops {

/// a ∘ b as bool. Not differentiable; complex numbers know eq and ne only.
Tensor eq(const Tensor& a, const Tensor& b);
Tensor eq(const Tensor& a, const Scalar& b);
Tensor ne(const Tensor& a, const Tensor& b);
Tensor ne(const Tensor& a, const Scalar& b);
Tensor lt(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, const Scalar& b);
Tensor le(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, const Scalar& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Scalar& b);
Tensor ge(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, const Scalar& b);
/// Whether sizes and all numbers are equal; of one dtype on the CPU.
bool equal(const Tensor& a, const Tensor& b);

/// Anything but 0 counts as true; gives bool.
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_xor(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& x);

/// Of whole numbers and bool.
Tensor bitwise_and(const Tensor& a, const Tensor& b);
Tensor bitwise_and(const Tensor& a, const Scalar& b);
Tensor bitwise_or(const Tensor& a, const Tensor& b);
Tensor bitwise_or(const Tensor& a, const Scalar& b);
Tensor bitwise_xor(const Tensor& a, const Tensor& b);
Tensor bitwise_xor(const Tensor& a, const Scalar& b);
Tensor bitwise_not(const Tensor& x);
/// Of whole numbers, by 0 or more places; a right shift keeps the sign.
Tensor bitwise_left_shift(const Tensor& a, const Tensor& b);
Tensor bitwise_left_shift(const Tensor& a, const Scalar& b);
Tensor bitwise_right_shift(const Tensor& a, const Tensor& b);
Tensor bitwise_right_shift(const Tensor& a, const Scalar& b);

/// As bool, of any dtype.
Tensor isnan(const Tensor& x);
Tensor isinf(const Tensor& x);
Tensor isfinite(const Tensor& x);

/// a where `condition` (bool) holds, else b.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, const Scalar& b);
Tensor where(const Tensor& condition, const Scalar& a, const Tensor& b);

/// The larger and the smaller of two; NaN wins, and equal ones share the gradient. Not of complex
/// numbers.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
/// The same, but a number wins over NaN, and of equal ones a has the gradient.
Tensor fmax(const Tensor& a, const Tensor& b);
Tensor fmin(const Tensor& a, const Tensor& b);
/// x held between two bounds, of which one may be missing; where they cross, `most` wins. The
/// gradient of x is 1 at a bound. Not of complex numbers.
Tensor clamp(const Tensor& x, const std::optional<Scalar>& least,
             const std::optional<Scalar>& most);
/// The same between tensors, one of which may be undefined.
Tensor clamp(const Tensor& x, const Tensor& least, const Tensor& most);

}  // namespace nw::ops
