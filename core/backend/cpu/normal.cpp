#include "core/backend/cpu/normal.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace nw::cpu {
namespace {

constexpr int64_t kHalf = kNormalBlock / 2;

// In float32 PyTorch uses the functions of the Cephes library (S. Moshier) in vector form, compiled
// with fused multiply-add; here they are number by number, fused at the same places.

/// ln x for x in (0, 1].
float cephes_log(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  float m = std::bit_cast<float>((bits & 0x807fffffu) | 0x3f000000u);  // in [½, 1)
  float e = static_cast<float>(static_cast<int32_t>(bits >> 23) - 0x7f) + 1.0f;
  const bool low = m < 0.707106781186547524f;
  const float rest = low ? m : 0.0f;
  m -= 1.0f;
  e -= low ? 1.0f : 0.0f;
  m += rest;
  const float z = m * m;
  float y = 7.0376836292e-2f;
  for (const float term :
       {-1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f,
        2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f}) {
    y = std::fma(y, m, term);
  }
  y *= m;
  y = std::fma(y, z, e * -2.12194440e-4f);
  y = std::fma(-z, 0.5f, y);
  return std::fma(e, 0.693359375f, m + y);
}

struct SinCos {
  float sin, cos;
};

/// For x ≥ 0.
SinCos cephes_sincos(float x) {
  const int32_t octant = (static_cast<int32_t>(x * 1.27323954473516f) + 1) & ~1;
  const auto y = static_cast<float>(octant);
  x = std::fma(y, -0.78515625f, x);
  x = std::fma(y, -2.4187564849853515625e-4f, x);
  x = std::fma(y, -3.77489497744594108e-8f, x);
  const float z = x * x;
  float cosine = std::fma(2.443315711809948e-5f, z, -1.388731625493765e-3f);
  cosine = std::fma(cosine, z, 4.166664568298827e-2f);
  cosine *= z;
  cosine = std::fma(cosine, z, -(z * 0.5f)) + 1.0f;
  float sine = std::fma(-1.9515295891e-4f, z, 8.3321608736e-3f);
  sine = std::fma(sine, z, -1.6666654611e-1f);
  sine *= z;
  sine = std::fma(sine, x, x);
  const bool swapped = (octant & 2) != 0;
  const float a = swapped ? cosine : sine;
  const float b = swapped ? sine : cosine;
  return {(octant & 4) != 0 ? -a : a, ((octant - 2) & 4) == 0 ? -b : b};
}

/// bfloat16 numbers are rounded after each step, float16 ones only where they are kept.
template <typename T>
void make_normal_narrow(T* block, double mean, double std) {
  const auto rounded_to_t = [](float value) { return static_cast<float>(convert<T>(value)); };
  const auto rounded = [&](float value) {
    return std::is_same_v<T, Half> ? value : rounded_to_t(value);
  };
  for (int64_t i = 0; i < kHalf; ++i) {
    const float u = rounded_to_t(1.0f - static_cast<float>(block[i]));
    const float radius = rounded_to_t(std::sqrt(rounded(-2.0f * rounded(std::log(u)))));
    const float angle =
        rounded_to_t(2.0f * std::numbers::pi_v<float> * static_cast<float>(block[i + kHalf]));
    const auto placed = [&](float part) {
      const float scaled =
          rounded(rounded(radius * rounded(part)) * rounded_to_t(static_cast<float>(std)));
      return convert<T>(scaled + rounded_to_t(static_cast<float>(mean)));
    };
    block[i] = placed(std::cos(angle));
    block[i + kHalf] = placed(std::sin(angle));
  }
}

}  // namespace

void make_normal(float* block, double mean, double std) {
  const auto centre = static_cast<float>(mean);
  const auto width = static_cast<float>(std);
  for (int64_t i = 0; i < kHalf; ++i) {
    const float radius = std::sqrt(-2.0f * cephes_log(1.0f - block[i]));
    const SinCos angle = cephes_sincos(2.0f * std::numbers::pi_v<float> * block[i + kHalf]);
    block[i] = std::fma(radius * angle.cos, width, centre);
    block[i + kHalf] = std::fma(radius * angle.sin, width, centre);
  }
}

void make_normal(double* block, double mean, double std) {
  for (int64_t i = 0; i < kHalf; ++i) {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - block[i]));
    const double angle = 2.0 * std::numbers::pi * block[i + kHalf];
    block[i] = std::fma(radius * std::cos(angle), std, mean);
    block[i + kHalf] = std::fma(radius * std::sin(angle), std, mean);
  }
}

void make_normal(Half* block, double mean, double std) {
  make_normal_narrow(block, mean, std);
}
void make_normal(BFloat16* block, double mean, double std) {
  make_normal_narrow(block, mean, std);
}

}  // namespace nw::cpu
