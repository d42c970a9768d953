#pragma once

#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/tensor/dtype.h"
#include "core/tensor/scalar.h"

namespace nw::cpu {

template <typename T>
inline constexpr bool kIsComplex =
    std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>;
template <typename T>
inline constexpr bool kIsFloating =
    std::is_floating_point_v<T> || std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

/// A floating-point number cut to a whole one. Out of range it becomes the least number of int64,
/// or of int32 and then what is left of that in a narrower type, as x86 and torch have it.
template <typename To>
To to_whole(double value) {
  using Wide = std::conditional_t<sizeof(To) == sizeof(int64_t), int64_t, int32_t>;
  constexpr double kLimit = sizeof(Wide) == sizeof(int64_t) ? 0x1p63 : 0x1p31;
  const Wide whole = value >= -kLimit && value < kLimit ? static_cast<Wide>(value)
                                                        : std::numeric_limits<Wide>::min();
  return static_cast<To>(whole);
}

/// torch's conversions: complex to real drops the imaginary part, anything but 0 is true.
template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<To, bool>) {
    if constexpr (std::is_same_v<From, BFloat16>) {
      return (value.bits & 0x7fffu) != 0;
    } else {
      return value != From(0);
    }
  } else if constexpr (kIsComplex<From>) {
    if constexpr (kIsComplex<To>) {
      return To(static_cast<typename To::value_type>(value.real()),
                static_cast<typename To::value_type>(value.imag()));
    } else {
      return convert<To>(value.real());
    }
  } else if constexpr (kIsComplex<To>) {
    return To(convert<typename To::value_type>(value), 0);
  } else if constexpr (std::is_same_v<From, BFloat16>) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return BFloat16::from(static_cast<float>(value));
  } else if constexpr (kIsFloating<From> && !kIsFloating<To>) {
    return to_whole<To>(static_cast<double>(value));
  } else {
    return static_cast<To>(value);
  }
}

/// A plain number in the type of a tensor.
template <typename To>
To convert(const Scalar& value) {
  return value.visit([](auto number) { return convert<To>(number); });
}

/// Calls body(T()) with T the C++ type of any dtype.
template <typename Body>
void with_any_type(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::Float32:
      return body(float());
    case DType::Float64:
      return body(double());
    case DType::Float16:
      return body(Half());
    case DType::BFloat16:
      return body(BFloat16());
    case DType::Complex64:
      return body(std::complex<float>());
    case DType::Complex128:
      return body(std::complex<double>());
    case DType::Int64:
      return body(int64_t());
    case DType::Int32:
      return body(int32_t());
    case DType::Int16:
      return body(int16_t());
    case DType::Int8:
      return body(int8_t());
    case DType::UInt8:
      return body(uint8_t());
    case DType::Bool:
      return body(bool());
  }
}

}  // namespace nw::cpu
