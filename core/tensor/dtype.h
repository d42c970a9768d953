#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/tensor/half.h"

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
/// float32, float64, float16 or bfloat16.
bool is_floating(DType dtype);
bool is_complex(DType dtype);
/// A signed or unsigned integer; bool is none.
bool is_whole(DType dtype);
/// float16 or bfloat16.
bool is_half(DType dtype);
/// What `dtype`'s numbers are made of: float32 of complex64, float64 of complex128, else itself.
DType real_of(DType dtype);
/// The complex dtype whose parts have at least the precision of a floating `dtype`.
DType complex_of(DType dtype);
/// The smallest dtype that holds both, as torch.promote_types.
DType promote_types(DType a, DType b);

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
struct DTypeOf<int16_t> {
  static constexpr DType value = DType::Int16;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::Int8;
};
template <>
struct DTypeOf<Half> {
  static constexpr DType value = DType::Float16;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::BFloat16;
};
template <>
struct DTypeOf<std::complex<float>> {
  static constexpr DType value = DType::Complex64;
};
template <>
struct DTypeOf<std::complex<double>> {
  static constexpr DType value = DType::Complex128;
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
