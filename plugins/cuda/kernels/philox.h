#pragma once

#include "core/base/random.h"
#include "plugins/cuda/kernels/number.h"

/// Philox4x32-10: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
/// 2011. Each four numbers of a tensor have a sequence of their own, so that what is drawn depends
/// on the seed and the offset, not on how many threads draw.
namespace nw::cuda {

struct PhiloxWords {
  uint32_t at[4];
};

NW_BOTH PhiloxWords philox_words(uint64_t seed, uint64_t offset, uint64_t sequence) {
  constexpr uint64_t kFactor0 = 0xD2511F53;
  constexpr uint64_t kFactor1 = 0xCD9E8D57;
  auto key0 = static_cast<uint32_t>(seed);
  auto key1 = static_cast<uint32_t>(seed >> 32);
  PhiloxWords c{{static_cast<uint32_t>(offset), static_cast<uint32_t>(offset >> 32),
                 static_cast<uint32_t>(sequence), static_cast<uint32_t>(sequence >> 32)}};
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kFactor0 * c.at[0];
    const uint64_t product1 = kFactor1 * c.at[2];
    c = {{static_cast<uint32_t>(product1 >> 32) ^ c.at[1] ^ key0, static_cast<uint32_t>(product1),
          static_cast<uint32_t>(product0 >> 32) ^ c.at[3] ^ key1, static_cast<uint32_t>(product0)}};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return c;
}

/// The words for numbers 4·group … 4·group + 3; `block` for those that need more than one each.
NW_BOTH PhiloxWords philox_words(const Generator::Philox& place, int64_t group,
                                 uint64_t block = 0) {
  const uint64_t offset = place.offset + (place.base == nullptr ? 0 : place.base[0]);
  const uint64_t seed = place.base == nullptr ? place.seed : place.base[1];
  return philox_words(seed, offset / 4 + block, static_cast<uint64_t>(group));
}

/// [0, 1) with 24 and with 53 bits.
NW_BOTH float unit_float(uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}
NW_BOTH double unit_double(uint32_t high, uint32_t low) {
  return static_cast<double>(((uint64_t{high} << 32) | low) >> 11) * 0x1p-53;
}

/// [0, 1) with as many bits as T's mantissa has.
template <typename T>
NW_BOTH Wide<T> unit_of(const PhiloxWords words[2], int i) {
  if constexpr (std::is_same_v<T, double>) {
    const PhiloxWords& own = words[i / 2];
    return unit_double(own.at[2 * (i % 2)], own.at[2 * (i % 2) + 1]);
  } else if constexpr (std::is_same_v<T, Float16>) {
    return static_cast<float>(words[0].at[i] >> 21) * 0x1p-11f;
  } else if constexpr (std::is_same_v<T, BrainFloat16>) {
    return static_cast<float>(words[0].at[i] >> 24) * 0x1p-8f;
  } else {
    return unit_float(words[0].at[i]);
  }
}

/// Two draws of N(0, 1) from two of (0, 1] and [0, 1): Box and Muller 1958.
template <typename F>
NW_BOTH void normal_pair(F above_zero, F unit, F& first, F& second) {
  const F radius = std::sqrt(-2 * std::log(above_zero));
  const F angle = F(6.28318530717958647693) * unit;
  first = radius * std::cos(angle);
  second = radius * std::sin(angle);
}

}  // namespace nw::cuda
