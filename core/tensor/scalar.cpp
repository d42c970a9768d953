#include "core/tensor/scalar.h"

#include <type_traits>

#include "core/base/error.h"

namespace nw {
namespace {

/// Out of range wraps to the least number, as x86 and torch have it.
int64_t to_whole(double value) {
  constexpr double kLimit = 9223372036854775808.0;
  return value >= -kLimit && value < kLimit ? static_cast<int64_t>(value) : INT64_MIN;
}

}  // namespace

int64_t Scalar::to_int64() const {
  return visit([](auto value) -> int64_t {
    if constexpr (std::is_integral_v<decltype(value)>) {
      return value;
    } else {
      return to_whole(std::real(value));
    }
  });
}

double Scalar::to_double() const {
  return visit([](auto value) { return static_cast<double>(std::real(value)); });
}

std::complex<double> Scalar::to_complex() const {
  if (const auto* value = std::get_if<std::complex<double>>(&value_)) return *value;
  return to_double();
}

bool Scalar::to_bool() const {
  return visit([](auto value) { return value != decltype(value)(0); });
}

DType Scalar::dtype() const {
  if (is_bool()) return DType::Bool;
  if (is_whole()) return DType::Int64;
  return is_real() ? DType::Float32 : DType::Complex64;
}

Scalar Scalar::operator-() const {
  if (is_bool() || is_whole()) {
    return static_cast<int64_t>(uint64_t{0} - static_cast<uint64_t>(to_int64()));
  }
  if (is_real()) return -to_double();
  return -to_complex();
}

std::string to_string(const Scalar& value) {
  if (value.is_bool()) return value.to_bool() ? "True" : "False";
  if (value.is_whole()) return concat(value.to_int64());
  if (value.is_real()) return concat(value.to_double());
  const std::complex<double> number = value.to_complex();
  return concat("(", number.real(), number.imag() < 0 ? "" : "+", number.imag(), "j)");
}

}  // namespace nw
