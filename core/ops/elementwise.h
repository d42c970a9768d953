#pragma once

#include "core/tensor/tensor.h"

/// Functions of each number of a tensor, in torch's meaning. Unless a line says otherwise they take
/// real and complex numbers, and whole ones and bool as float32.
namespace nw::ops {

Tensor exp(const Tensor& x);
/// eˣ − 1 and ln(1 + x), exact for small x; real.
Tensor expm1(const Tensor& x);
Tensor log1p(const Tensor& x);
Tensor log(const Tensor& x);
Tensor log2(const Tensor& x);
Tensor log10(const Tensor& x);
Tensor sqrt(const Tensor& x);
/// 1 / √x
Tensor rsqrt(const Tensor& x);
/// 1 / x
Tensor reciprocal(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tan(const Tensor& x);
Tensor asin(const Tensor& x);
Tensor acos(const Tensor& x);
Tensor atan(const Tensor& x);
Tensor sinh(const Tensor& x);
Tensor cosh(const Tensor& x);
Tensor asinh(const Tensor& x);
Tensor acosh(const Tensor& x);
Tensor atanh(const Tensor& x);
/// 2/√π · ∫₀ˣ e^(−t²) dt, 1 minus that, and the former's inverse; real.
Tensor erf(const Tensor& x);
Tensor erfc(const Tensor& x);
Tensor erfinv(const Tensor& x);

/// x²; whole numbers stay whole.
Tensor square(const Tensor& x);
/// |x|, of complex numbers a real one; whole numbers stay whole; not of bool.
Tensor abs(const Tensor& x);
/// −1, 0 or 1; not of complex numbers.
Tensor sign(const Tensor& x);
/// The same, and of a complex number x / |x|, or 0.
Tensor sgn(const Tensor& x);

/// To a whole number: down, up, to the nearest (halves to the even one), towards 0. Whole numbers
/// stay as they are; not of complex numbers nor bool.
Tensor floor(const Tensor& x);
Tensor ceil(const Tensor& x);
Tensor round(const Tensor& x);
Tensor trunc(const Tensor& x);
/// x − trunc(x); floating point.
Tensor frac(const Tensor& x);

/// Of complex numbers: the conjugate; a view of the real and of the imaginary parts; the angle in
/// −π … π. Real numbers are their own conjugate and real part, and have the angle 0 or π.
Tensor conj(const Tensor& x);
Tensor real(const Tensor& x);
Tensor imag(const Tensor& x);
Tensor angle(const Tensor& x);
/// Complex numbers of two real tensors of one dtype, float32 or float64, broadcast.
Tensor complex(const Tensor& real, const Tensor& imag);
/// A view (…) complex -> (…, 2) real, and back.
Tensor view_as_real(const Tensor& x);
Tensor view_as_complex(const Tensor& x);

}  // namespace nw::ops
