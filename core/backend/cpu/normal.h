#pragma once

#include "core/backend/cpu/convert.h"

namespace nw::cpu {

/// Long dense tensors get their normal numbers in blocks of so many.
inline constexpr int64_t kNormalBlock = 16;

/// Turns 16 numbers of U[0, 1) into 16 of N(mean, std²) by Box & Muller: with r = √(−2·ln(1 − u))
/// and θ = 2π·v of numbers i and i + 8 they become r·cos θ and r·sin θ. The bits are PyTorch's
/// (1.13, x86 with AVX2).
void make_normal(float* block, double mean, double std);
void make_normal(double* block, double mean, double std);
void make_normal(Half* block, double mean, double std);
void make_normal(BFloat16* block, double mean, double std);

}  // namespace nw::cpu
