#pragma once

#include <complex>
#include <cstdint>
#include <string>
#include <variant>

#include "core/tensor/dtype.h"

namespace nw {

/// A plain number beside tensors, as Python has them: a bool, an integer, a real or a complex one.
/// Only this kind, not a width, takes part in type promotion.
class Scalar {
 public:
  Scalar(bool value) : value_(value) {}
  Scalar(int value) : value_(int64_t{value}) {}
  Scalar(int64_t value) : value_(value) {}
  Scalar(float value) : value_(double{value}) {}
  Scalar(double value) : value_(value) {}
  Scalar(std::complex<double> value) : value_(value) {}

  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  /// An integer; a bool is none.
  bool is_whole() const { return std::holds_alternative<int64_t>(value_); }
  bool is_real() const { return std::holds_alternative<double>(value_); }
  bool is_complex() const { return std::holds_alternative<std::complex<double>>(value_); }

  /// The number as torch converts it: a fraction is cut off, an imaginary part dropped.
  int64_t to_int64() const;
  double to_double() const;
  std::complex<double> to_complex() const;
  /// Anything but 0.
  bool to_bool() const;

  /// Calls visit(value) with the bool, int64_t, double or complex<double> that it holds.
  template <typename Visit>
  auto visit(const Visit& visit) const {
    return std::visit(visit, value_);
  }

  /// The dtype that the number has where it stands alone: bool, int64, float32 or complex64.
  DType dtype() const;
  Scalar operator-() const;

 private:
  std::variant<bool, int64_t, double, std::complex<double>> value_;
};

/// "3", "2.5", "(1+2j)", "True", for messages.
std::string to_string(const Scalar& value);

}  // namespace nw
