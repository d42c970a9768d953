#pragma once

#include <array>
#include <cstdint>

#include "core/backend/cpu/convert.h"

namespace nw::cpu {

/// Calls body(T()) with T any type of an item's size: enough to move items about, whatever they
/// are.
template <typename Body>
void with_item_size(DType dtype, const Body& body) {
  switch (item_bytes(dtype)) {
    case 1:
      return body(uint8_t());
    case 2:
      return body(uint16_t());
    case 4:
      return body(uint32_t());
    case 8:
      return body(uint64_t());
    default:
      return body(std::array<uint64_t, 2>());
  }
}

/// a + b as torch adds: 16-bit types are rounded after each addition, bools are joined.
template <typename T>
T plus(T a, T b) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    return BFloat16::from(static_cast<float>(a) + static_cast<float>(b));
  } else if constexpr (std::is_same_v<T, bool>) {
    return a || b;
  } else {
    return static_cast<T>(a + b);
  }
}

template <typename T>
bool is_zero(T value) {
  return !convert<bool>(value);
}

}  // namespace nw::cpu
