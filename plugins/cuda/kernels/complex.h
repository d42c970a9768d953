#pragma once

#include "core/backend/kernel_types.h"
#include "plugins/cuda/kernels/convert.h"

#ifdef __CUDACC__
#include <cuda/std/complex>
#else
#include <complex>
#endif

/// Complex numbers. Both dtypes are computed with in double and rounded once: kernels of their own
/// for complex64 are not worth their size.
namespace nw::cuda {

struct Complex {
  double real, imag;
};

NW_BOTH Complex operator+(Complex a, Complex b) {
  return {a.real + b.real, a.imag + b.imag};
}
NW_BOTH Complex operator-(Complex a, Complex b) {
  return {a.real - b.real, a.imag - b.imag};
}
NW_BOTH Complex operator*(Complex a, Complex b) {
  return {a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real};
}
NW_BOTH bool operator==(Complex a, Complex b) {
  return a.real == b.real && a.imag == b.imag;
}

NW_BOTH Complex load_complex(const void* memory, DType dtype, int64_t i) {
  const Value value = load_value(memory, dtype, i);
  return {value.real, value.imag};
}
NW_BOTH void store_complex(void* memory, DType dtype, int64_t i, Complex value) {
  store_value(memory, dtype, i, complex_value(value.real, value.imag));
}

// The library's functions, which look alike on both sides.
#ifdef __CUDACC__
namespace complex_library = ::cuda::std;
#else
namespace complex_library = ::std;
#endif
using LibraryComplex = complex_library::complex<double>;

NW_BOTH LibraryComplex to_library(Complex x) {
  return {x.real, x.imag};
}
NW_BOTH Complex from_library(const LibraryComplex& x) {
  return {x.real(), x.imag()};
}

NW_BOTH double size_of(Complex x) {
  return std::hypot(x.real, x.imag);
}
NW_BOTH Complex conj(Complex x) {
  return {x.real, -x.imag};
}
/// A quotient; by 0 it is no number, as in torch.
NW_BOTH Complex divide(Complex a, Complex b) {
  if (b == Complex{0, 0}) return {not_a_number<double>(), not_a_number<double>()};
  return from_library(to_library(a) / to_library(b));
}

/// Whether the ops that follow have a formula here; the others are not of complex numbers.
inline bool has_complex(UnaryOp op) {
  switch (op) {
    case UnaryOp::BitwiseNot:
    case UnaryOp::Expm1:
    case UnaryOp::Log1p:
    case UnaryOp::Relu:
    case UnaryOp::Erf:
    case UnaryOp::Erfc:
    case UnaryOp::Erfinv:
    case UnaryOp::Floor:
    case UnaryOp::Ceil:
    case UnaryOp::Round:
    case UnaryOp::Trunc:
    case UnaryOp::Frac:
      return false;
    default:
      return true;
  }
}
inline bool has_complex(BinaryOp op) {
  switch (op) {
    case BinaryOp::Add:
    case BinaryOp::Sub:
    case BinaryOp::Mul:
    case BinaryOp::Div:
    case BinaryOp::Pow:
    case BinaryOp::Eq:
    case BinaryOp::Ne:
    case BinaryOp::LogicalAnd:
    case BinaryOp::LogicalOr:
    case BinaryOp::LogicalXor:
    case BinaryOp::TanhGrad:
    case BinaryOp::SigmoidGrad:
      return true;
    default:
      return false;
  }
}

/// Functions of the library.
NW_BOTH Complex complex_function(UnaryOp op, const LibraryComplex& x) {
  namespace lib = complex_library;
  switch (op) {
    case UnaryOp::Exp:
      return from_library(lib::exp(x));
    case UnaryOp::Log:
      return from_library(lib::log(x));
    case UnaryOp::Log2:
      return from_library(lib::log(x) / 0.693147180559945309417);
    case UnaryOp::Log10:
      return from_library(lib::log10(x));
    case UnaryOp::Sqrt:
      return from_library(lib::sqrt(x));
    case UnaryOp::Sin:
      return from_library(lib::sin(x));
    case UnaryOp::Cos:
      return from_library(lib::cos(x));
    case UnaryOp::Tan:
      return from_library(lib::tan(x));
    case UnaryOp::Asin:
      return from_library(lib::asin(x));
    case UnaryOp::Acos:
      return from_library(lib::acos(x));
    case UnaryOp::Atan:
      return from_library(lib::atan(x));
    case UnaryOp::Sinh:
      return from_library(lib::sinh(x));
    case UnaryOp::Cosh:
      return from_library(lib::cosh(x));
    case UnaryOp::Tanh:
      return from_library(lib::tanh(x));
    case UnaryOp::Asinh:
      return from_library(lib::asinh(x));
    case UnaryOp::Acosh:
      return from_library(lib::acosh(x));
    default:
      return from_library(lib::atanh(x));
  }
}

/// The result may be real, or 0 and 1 for false and true.
NW_BOTH Complex complex_unary(UnaryOp op, Complex x) {
  const auto either = [](bool a, bool b) { return Complex{a || b ? 1.0 : 0.0, 0}; };
  switch (op) {
    case UnaryOp::Neg:
      return {-x.real, -x.imag};
    case UnaryOp::Abs:
      return {size_of(x), 0};
    case UnaryOp::Angle:
      return {std::atan2(x.imag, x.real), 0};
    case UnaryOp::Sign: {
      const double size = size_of(x);
      return size == 0 ? Complex{0, 0} : Complex{x.real / size, x.imag / size};
    }
    case UnaryOp::Square:
      return x * x;
    case UnaryOp::LogicalNot:
      return either(x == Complex{0, 0}, false);
    case UnaryOp::IsNan:
      return either(x.real != x.real, x.imag != x.imag);
    case UnaryOp::IsInf:
      return either(std::fabs(x.real) == HUGE_VAL, std::fabs(x.imag) == HUGE_VAL);
    case UnaryOp::IsFinite:
      return either(x.real - x.real == 0 && x.imag - x.imag == 0, false);
    case UnaryOp::Conj:
      return conj(x);
    case UnaryOp::Reciprocal:
      return divide({1, 0}, x);
    case UnaryOp::Rsqrt:
      return divide({1, 0}, complex_function(UnaryOp::Sqrt, to_library(x)));
    case UnaryOp::Sigmoid:
      return divide({1, 0},
                    Complex{1, 0} + complex_function(UnaryOp::Exp, to_library({-x.real, -x.imag})));
    default:
      return complex_function(op, to_library(x));
  }
}

NW_BOTH Complex complex_binary(BinaryOp op, Complex a, Complex b) {
  const Complex zero{0, 0};
  const auto truth = [](bool value) { return Complex{value ? 1.0 : 0.0, 0}; };
  switch (op) {
    case BinaryOp::Add:
      return a + b;
    case BinaryOp::Sub:
      return a - b;
    case BinaryOp::Mul:
      return a * b;
    case BinaryOp::Div:
      return divide(a, b);
    case BinaryOp::Pow:
      return from_library(complex_library::pow(to_library(a), to_library(b)));
    case BinaryOp::Eq:
      return truth(a == b);
    case BinaryOp::Ne:
      return truth(!(a == b));
    case BinaryOp::LogicalAnd:
      return truth(!(a == zero) && !(b == zero));
    case BinaryOp::LogicalOr:
      return truth(!(a == zero) || !(b == zero));
    case BinaryOp::LogicalXor:
      return truth((a == zero) != (b == zero));
    case BinaryOp::TanhGrad:
      return a * conj(Complex{1, 0} - b * b);
    default:  // SigmoidGrad
      return a * conj((Complex{1, 0} - b) * b);
  }
}

}  // namespace nw::cuda
