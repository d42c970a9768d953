#pragma once

#include "core/backend/cpu/vec.h"

// Elementary functions on vectors, for *.isa.cpp only. float: errors of 1 to 2 units in the last
// place, by series on reduced arguments; double: the C library's, lane by lane.

namespace nw::cpu {
namespace {

constexpr float kLog2E = 1.44269504088896341f;
// ln 2 in two parts: the first has so few bits that its product with a small integer is exact.
constexpr float kLn2High = 0.693359375f;
constexpr float kLn2Low = -2.12194440054690583e-4f;

NW_INLINE Floats bits_to_float(Ints bits) {
  return reinterpret_cast<Floats>(bits);
}
NW_INLINE Ints float_to_bits(Floats x) {
  return reinterpret_cast<Ints>(x);
}

/// 2ⁿ for whole n in −126 … 127.
NW_INLINE Floats power_of_two(Ints n) {
  return bits_to_float((n + 127) << 23);
}

/// x = n·ln 2 + rest, |rest| ≤ ln 2 / 2.
struct Reduced {
  Ints n;
  Floats rest;
};
NW_INLINE Reduced reduce(Floats x) {
  // Adding 1.5·2²³ rounds to a whole number and leaves it in the low bits.
  const Floats shift = splat(12582912.0f);
  const Floats shifted = x * kLog2E + shift;
  const Floats n = shifted - shift;
  const Ints whole = float_to_bits(shifted) - float_to_bits(shift);
  return {whole, (x - n * kLn2High) - n * kLn2Low};
}

/// e^r − 1 for |r| ≤ ln 2 / 2, by the Taylor series to r⁷ (the next term is below 2⁻²⁷).
NW_INLINE Floats expm1_reduced(Floats r) {
  Floats tail = splat(1.0f / 5040.0f);
  tail = tail * r + 1.0f / 720.0f;
  tail = tail * r + 1.0f / 120.0f;
  tail = tail * r + 1.0f / 24.0f;
  tail = tail * r + 1.0f / 6.0f;
  tail = tail * r + 0.5f;
  return r + r * r * tail;
}

NW_INLINE Floats exp(Floats x) {
  // Beyond these limits the result is infinite or 0 all the same; NaN passes both.
  x = select(x > splat(105.0f), splat(105.0f), x);
  x = select(x < splat(-105.0f), splat(-105.0f), x);
  const Reduced reduced = reduce(x);
  // In two steps, for n may be outside the range of one.
  const Ints half = reduced.n >> 1;
  return (expm1_reduced(reduced.rest) + 1.0f) * power_of_two(half) * power_of_two(reduced.n - half);
}

/// ln x = e·ln 2 + ln m with m in [√½, √2), ln m = 2·artanh((m − 1) / (m + 1)).
NW_INLINE Floats log(Floats x) {
  const Floats smallest_normal = splat(1.17549435e-38f);
  const auto tiny = x < smallest_normal;
  const Floats scaled = select(tiny, x * 8388608.0f, x);  // 2²³
  // Without the sign, which the end tells apart: the difference below stays in range.
  const Ints bits = float_to_bits(scaled) & 0x7fffffff;
  const Ints root_half = float_to_bits(splat(0.70710678f));
  const Ints exponent = (bits - root_half) >> 23;
  const Floats m = bits_to_float(bits - (exponent << 23));
  const Floats e = __builtin_convertvector(exponent, Floats) - select(tiny, splat(23.0f), Floats{});
  const Floats s = (m - 1.0f) / (m + 1.0f);
  const Floats z = s * s;
  Floats tail = splat(2.0f / 11.0f);
  tail = tail * z + 2.0f / 9.0f;
  tail = tail * z + 2.0f / 7.0f;
  tail = tail * z + 2.0f / 5.0f;
  tail = tail * z + 2.0f / 3.0f;
  Floats result = e * kLn2Low + s * z * tail + (s + s) + e * kLn2High;
  const Floats infinity = splat(__builtin_inff());
  result = select(x == infinity, infinity, result);
  result = select(x == Floats{}, -infinity, result);
  // Not less and not equal: negative numbers and NaN.
  return select(x >= Floats{}, result, splat(__builtin_nanf("")));
}

NW_INLINE Floats tanh(Floats x) {
  // tanh a = (e²ᵃ − 1) / (e²ᵃ + 1), with e²ᵃ − 1 = 2ⁿ·(eʳ − 1) + (2ⁿ − 1) exact for small a.
  const Ints sign = float_to_bits(x) & static_cast<int32_t>(0x80000000u);
  Floats a = bits_to_float(float_to_bits(x) ^ sign);
  a = select(a > splat(10.0f), splat(10.0f), a);  // tanh is 1 from 9.01 on; NaN passes
  const Reduced reduced = reduce(a + a);
  const Floats scale = power_of_two(reduced.n);
  const Floats expm1 = scale * expm1_reduced(reduced.rest) + (scale - 1.0f);
  return bits_to_float(float_to_bits(expm1 / (expm1 + 2.0f)) | sign);
}

NW_INLINE Floats sigmoid(Floats x) {
  return 1.0f / (1.0f + exp(-x));
}

/// Applies a function of the C library to each lane.
template <typename Function>
NW_INLINE Doubles each(Doubles x, const Function& function) {
  for (int64_t i = 0; i < kLanes<double>; ++i) x[i] = function(x[i]);
  return x;
}
NW_INLINE Doubles exp(Doubles x) {
  return each(x, [](double v) NW_ALWAYS { return __builtin_exp(v); });
}
NW_INLINE Doubles log(Doubles x) {
  return each(x, [](double v) NW_ALWAYS { return __builtin_log(v); });
}
NW_INLINE Doubles tanh(Doubles x) {
  return each(x, [](double v) NW_ALWAYS { return __builtin_tanh(v); });
}
NW_INLINE Doubles sigmoid(Doubles x) {
  return 1.0 / (1.0 + exp(-x));
}

template <typename V>
NW_INLINE V sqrt(V x) {
  for (uint64_t i = 0; i < sizeof(V) / sizeof(x[0]); ++i) {
    if constexpr (sizeof(x[0]) == sizeof(float)) {
      x[i] = __builtin_sqrtf(x[i]);
    } else {
      x[i] = __builtin_sqrt(x[i]);
    }
  }
  return x;
}

/// max(x, 0) that keeps NaN, as torch's relu.
template <typename V>
NW_INLINE V relu(V x) {
  return select(x < V{}, V{}, x);
}

}  // namespace
}  // namespace nw::cpu
