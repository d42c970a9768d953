#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nw {

/// Element types; names and meaning are torch's.
enum class DType : uint8_t {
  Float32,
  Float64,
  Float16,
  BFloat16,
  Complex64,
  Complex128,
  Int64,
  Int32,
  Int16,
  Int8,
  UInt8,
  Bool,
};

inline constexpr int kDTypeCount = 12;

size_t item_bytes(DType dtype);
/// "float32", "int64", …, as torch prints them after "torch.".
std::string_view name(DType dtype);
/// The inverse of name(); throws Error for an unknown one.
DType dtype_from_name(std::string_view name);
bool is_floating(DType dtype);

/// The DType of a C++ type.
template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::Float32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::Float64;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::Int64;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::Int32;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::UInt8;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::Bool;
};

}  // namespace nw
