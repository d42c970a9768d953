#pragma once

#include <bit>
#include <cstdint>

namespace nw {

/// IEEE 754 binary16.
using Half = _Float16;

/// The upper half of a float32.
struct BFloat16 {
  uint16_t bits;

  explicit operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
  /// To nearest, ties to even; NaN stays NaN.
  static BFloat16 from(float value) {
    const auto whole = std::bit_cast<uint32_t>(value);
    if (value != value) return {static_cast<uint16_t>((whole >> 16) | 0x40u)};
    return {static_cast<uint16_t>((whole + 0x7fffu + ((whole >> 16) & 1u)) >> 16)};
  }
};

}  // namespace nw
