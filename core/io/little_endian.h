#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

namespace nw::io {

// The machines we run on store the low byte first, as all the formats here do.

/// The number at `bytes`, which must hold sizeof(T) of them.
template <typename T>
T load_le(const char* bytes) {
  static_assert(std::is_arithmetic_v<T>);
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

template <typename T>
void append_le(std::string& out, T value) {
  static_assert(std::is_arithmetic_v<T>);
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

}  // namespace nw::io
