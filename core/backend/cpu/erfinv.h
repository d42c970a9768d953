#pragma once

#include <cmath>
#include <limits>
#include <numbers>

namespace nw::cpu {

/// The x whose erf is y: a rational approximation (P. J. Acklam's form for the centre and the
/// tails, as in Boost's and torch's first step), then two steps of Newton's method.
template <typename T>
T erfinv(T y) {
  constexpr T kCentre = T(0.7);
  const T size = std::abs(y);
  if (!(size <= 1)) return std::numeric_limits<T>::quiet_NaN();
  if (size == 1) return std::copysign(std::numeric_limits<T>::infinity(), y);
  T x = 0;
  if (size <= kCentre) {
    const T z = y * y;
    const T above =
        ((T(-0.140543331) * z + T(0.914624893)) * z + T(-1.645349621)) * z + T(0.886226899);
    const T below =
        (((T(0.012229801) * z + T(-0.329097515)) * z + T(1.442710462)) * z + T(-2.118377725)) * z +
        T(1);
    x = y * above / below;
  } else {
    const T z = std::sqrt(-std::log((T(1) - size) / T(2)));
    const T above =
        ((T(1.641345311) * z + T(3.429567803)) * z + T(-1.624906493)) * z + T(-1.970840454);
    const T below = (T(1.637067800) * z + T(3.543889200)) * z + T(1);
    x = std::copysign(above, y) / below;
  }
  constexpr T kSlope = T(2) * std::numbers::inv_sqrtpi_v<T>;  // of erf at 0
  for (int i = 0; i < 2; ++i) x -= (std::erf(x) - y) / (kSlope * std::exp(-x * x));
  return x;
}

}  // namespace nw::cpu
