#pragma once

#include "core/tensor/scalar.h"
#include "plugins/cuda/kernels/number.h"

/// Any number as any other dtype has it, as core/backend/cpu/convert.h does it.
namespace nw::cuda {

/// A number of any dtype, exact.
struct Value {
  enum class Kind : uint8_t { Real, Whole, Complex };
  Kind kind;
  double real, imag;
  int64_t whole;
};

NW_BOTH Value real_value(double x) {
  return {Value::Kind::Real, x, 0, 0};
}
NW_BOTH Value whole_value(int64_t x) {
  return {Value::Kind::Whole, 0, 0, x};
}
NW_BOTH Value complex_value(double real, double imag) {
  return {Value::Kind::Complex, real, imag, 0};
}

NW_BOTH Value load_value(const void* memory, DType dtype, int64_t i) {
  switch (dtype) {
    case DType::Float32:
    case DType::Float16:
    case DType::BFloat16:
      return real_value(load_real<float>(memory, dtype, i));
    case DType::Float64:
      return real_value(static_cast<const double*>(memory)[i]);
    case DType::Complex64: {
      const float* parts = static_cast<const float*>(memory) + 2 * i;
      return complex_value(parts[0], parts[1]);
    }
    case DType::Complex128: {
      const double* parts = static_cast<const double*>(memory) + 2 * i;
      return complex_value(parts[0], parts[1]);
    }
    default:
      return whole_value(load_whole(memory, dtype, i));
  }
}

/// Rounded once from float64.
NW_BOTH Float16 half_of(double x) {
#ifdef __CUDA_ARCH__
  return {__half_as_ushort(__double2half(x))};
#else
  return {std::bit_cast<uint16_t>(static_cast<Half>(x))};
#endif
}

/// Cut to a whole number; out of range it is the least one of int64, or of int32 for narrower
/// types.
NW_BOTH int64_t cut(double x, bool wide) {
  const double limit = wide ? 0x1p63 : 0x1p31;
  if (x >= -limit && x < limit) return static_cast<int64_t>(x);
  return wide ? INT64_MIN : INT32_MIN;
}

NW_BOTH float float_of(const Value& value) {
  return value.kind == Value::Kind::Whole ? static_cast<float>(value.whole)
                                          : static_cast<float>(value.real);
}
NW_BOTH double double_of(const Value& value) {
  return value.kind == Value::Kind::Whole ? static_cast<double>(value.whole) : value.real;
}

NW_BOTH void store_value(void* memory, DType dtype, int64_t i, const Value& value) {
  switch (dtype) {
    case DType::Float32:
      static_cast<float*>(memory)[i] = float_of(value);
      return;
    case DType::Float64:
      static_cast<double*>(memory)[i] = double_of(value);
      return;
    case DType::Float16:
      static_cast<Float16*>(memory)[i] = half_of(double_of(value));
      return;
    case DType::BFloat16:
      static_cast<BrainFloat16*>(memory)[i] = narrow<BrainFloat16>(float_of(value));
      return;
    case DType::Complex64:
      static_cast<float*>(memory)[2 * i] = float_of(value);
      static_cast<float*>(memory)[2 * i + 1] = static_cast<float>(value.imag);
      return;
    case DType::Complex128:
      static_cast<double*>(memory)[2 * i] = double_of(value);
      static_cast<double*>(memory)[2 * i + 1] = value.imag;
      return;
    case DType::Bool: {
      const bool is_zero =
          value.kind == Value::Kind::Whole ? value.whole == 0 : value.real == 0 && value.imag == 0;
      static_cast<bool*>(memory)[i] = !is_zero;
      return;
    }
    default:
      store_whole(
          memory, dtype, i,
          value.kind == Value::Kind::Whole ? value.whole : cut(value.real, dtype == DType::Int64));
  }
}

/// A plain number in the bytes of a dtype.
struct ItemBytes {
  alignas(16) unsigned char bytes[16] = {};
};
inline Value value_of(const Scalar& scalar) {
  if (scalar.is_complex()) {
    return complex_value(scalar.to_complex().real(), scalar.to_complex().imag());
  }
  return scalar.is_real() ? real_value(scalar.to_double()) : whole_value(scalar.to_int64());
}
inline ItemBytes bytes_of(const Scalar& scalar, DType dtype) {
  ItemBytes item;
  store_value(item.bytes, dtype, 0, value_of(scalar));
  return item;
}

}  // namespace nw::cuda
