#include "core/ops/gamma.h"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/comparison.h"
#include "core/ops/elementwise.h"
#include "core/ops/promotion.h"

// All of it is worked out in float64 and without history. Left of ½ the reflection formulas lead to
// the right side.

namespace nw::ops {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Whether x is 0, −1, −2, …
Tensor is_pole(const Tensor& x) {
  return logical_and(le(x, 0), eq(x, floor(x)));
}

/// sin(πx) of what x has behind the point, which keeps the digits of a large x.
Tensor sin_pi(const Tensor& x) {
  return sin(mul(frac(x), std::numbers::pi));
}

/// For x ≥ ½. Source: Lanczos 1964, with Godfrey's coefficients for g = 7.
Tensor lgamma_right(const Tensor& x) {
  constexpr std::array kCoefficients = {
      676.5203681218851,  -1259.1392167224028,  771.32342877765313,     -176.61502916214059,
      12.507343278686905, -0.13857109526572012, 9.9843695780195716e-06, 1.5056327351493116e-07,
  };
  constexpr double kG = 7;
  const Tensor z = sub(x, 1);
  Tensor sum = full({}, 0.99999999999980993, DType::Float64, x.device());
  for (size_t i = 0; i < kCoefficients.size(); ++i) {
    sum = add(sum, div(kCoefficients[i], add(z, static_cast<double>(i + 1))));
  }
  const Tensor t = add(z, kG + 0.5);
  const Tensor power = sub(mul(add(z, 0.5), log(t)), t);
  const Tensor value = add(add(power, log(sum)), 0.5 * std::log(2 * std::numbers::pi));
  return where(isinf(x), kInfinity, value);
}

Tensor lgamma_of(const Tensor& x) {
  const Tensor left = lt(x, 0.5);
  const Tensor right = lgamma_right(where(left, sub(1, x), x));
  const Tensor reflected = sub(log(div(std::numbers::pi, abs(sin_pi(x)))), right);
  const Tensor value = where(left, reflected, right);
  return where(logical_or(is_pole(x), isinf(x)), kInfinity, value);
}

// The series below converge from here on; a smaller x is led there by the recurrence.
constexpr int kSteps = 8;

/// For x ≥ ½. Source: Abramowitz & Stegun 1964, 6.3.5 and 6.3.18.
Tensor digamma_right(const Tensor& x) {
  constexpr std::array kCoefficients = {-1.0 / 12,  1.0 / 120,     -1.0 / 252, 1.0 / 240,
                                        -1.0 / 132, 691.0 / 32760, -1.0 / 12};
  const Tensor far = add(x, kSteps);
  const Tensor inverse = square(reciprocal(far));
  Tensor series = zeros({}, DType::Float64, x.device());
  for (size_t i = kCoefficients.size(); i-- > 0;) {
    series = mul(add(series, kCoefficients[i]), inverse);
  }
  Tensor value = add(sub(log(far), div(0.5, far)), series);
  for (int k = 0; k < kSteps; ++k) value = sub(value, reciprocal(add(x, k)));
  return value;
}

Tensor digamma_of(const Tensor& x) {
  const Tensor left = lt(x, 0.5);
  const Tensor right = digamma_right(where(left, sub(1, x), x));
  const Tensor turn = div(std::numbers::pi, tan(mul(frac(x), std::numbers::pi)));
  const Tensor value = where(left, sub(right, turn), right);
  const Tensor at_zero = neg(reciprocal(x));  // has the sign of the side that x comes from
  const Tensor pole = where(eq(x, 0), at_zero, kNan);
  return where(logical_or(is_pole(x), eq(x, -kInfinity)), pole, value);
}

/// For x ≥ ½. Source: Abramowitz & Stegun 1964, 6.4.6 and 6.4.12.
Tensor trigamma_right(const Tensor& x) {
  constexpr std::array kCoefficients = {1.0 / 6,  -1.0 / 30,     1.0 / 42, -1.0 / 30,
                                        5.0 / 66, -691.0 / 2730, 7.0 / 6};
  const Tensor first = reciprocal(add(x, kSteps));
  const Tensor inverse = square(first);
  Tensor series = zeros({}, DType::Float64, x.device());
  for (size_t i = kCoefficients.size(); i-- > 0;) {
    series = mul(add(series, kCoefficients[i]), inverse);
  }
  Tensor value = add(add(first, mul(inverse, 0.5)), mul(first, series));
  for (int k = 0; k < kSteps; ++k) value = add(value, square(reciprocal(add(x, k))));
  return value;
}

Tensor trigamma_of(const Tensor& x) {
  const Tensor left = lt(x, 0.5);
  const Tensor right = trigamma_right(where(left, sub(1, x), x));
  const Tensor turn = square(div(std::numbers::pi, sin_pi(x)));
  const Tensor value = where(left, sub(turn, right), right);
  return where(eq(x, -kInfinity), kNan, value);
}

using Function = Tensor (*)(const Tensor& x);

/// y = function(x), whose derivative is `slope`.
Tensor smooth(const Tensor& given, Function function, Function slope, std::string_view name) {
  NW_CHECK(!is_complex(given.dtype()), "[", name, "] expects real numbers, gets ",
           nw::name(given.dtype()));
  const Tensor x = to_inexact(given);
  const Tensor y = raw::to(function(raw::to(x.detach(), DType::Float64)), x.dtype());
  if (autograd::needs_record(x)) {
    autograd::record(name, y, std::array{x}, std::array{x},
                     [slope](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                             const std::array<Tensor, 1>& saved) {
                       const Tensor at = slope(raw::to(saved[0], DType::Float64));
                       const Tensor grad = mul(raw::to(grads[0], DType::Float64), at);
                       grad_inputs[0] = raw::to(grad, saved[0].dtype());
                     });
  }
  return y;
}

}  // namespace

Tensor lgamma(const Tensor& x) {
  return smooth(x, lgamma_of, digamma_of, "lgamma");
}

Tensor digamma(const Tensor& x) {
  return smooth(x, digamma_of, trigamma_of, "digamma");
}

}  // namespace nw::ops
