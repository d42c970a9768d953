#pragma once

#include <cmath>
#include <initializer_list>
#include <limits>
#include <numbers>

namespace nw::cpu {

/// Σ terms · powers of z, the highest first, with fused multiply-adds.
template <typename T>
T polynomial(T z, std::initializer_list<double> terms) {
  T sum = 0;
  for (const double term : terms) sum = std::fma(sum, z, T(term));
  return sum;
}

/// The x whose erf is y, with torch's bits (1.13, x86 with AVX2): a rational approximation (P. J.
/// Acklam's form for the centre and the tails, as in Boost's and torch's first step), then two
/// steps of Newton's method.
template <typename T>
T erfinv(T y) {
  constexpr T kCentre = T(0.7);
  const T size = std::abs(y);
  if (!(size <= 1)) return std::numeric_limits<T>::quiet_NaN();
  if (size == 1) return std::copysign(std::numeric_limits<T>::infinity(), y);
  T x = 0;
  if (size <= kCentre) {
    const T z = y * y;
    const T above = polynomial(z, {-0.140543331, 0.914624893, -1.645349621, 0.886226899});
    const T below = polynomial(z, {0.012229801, -0.329097515, 1.442710462, -2.118377725, 1});
    x = y * above / below;
  } else {
    const T z = std::sqrt(-std::log((T(1) - size) / T(2)));
    const T above = polynomial(z, {1.641345311, 3.429567803, -1.624906493, -1.970840454});
    const T below = polynomial(z, {1.637067800, 3.543889200, 1});
    x = std::copysign(above, y) / below;
  }
  const T slope = T(2) / T(std::sqrt(std::numbers::pi));  // of erf at 0
  for (int i = 0; i < 2; ++i) x -= (std::erf(x) - y) / (slope * std::exp(-x * x));
  return x;
}

}  // namespace nw::cpu
