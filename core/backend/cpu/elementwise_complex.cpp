#include <cmath>
#include <complex>
#include <limits>

#include "core/backend/cpu/elementwise_rows.h"

namespace nw::cpu {
namespace {

template <typename Body>
void with_complex(const Tensor& x, const Body& body) {
  if (x.dtype() == DType::Complex64) {
    body(std::complex<float>());
  } else if (x.dtype() == DType::Complex128) {
    body(std::complex<double>());
  } else {
    throw_no_kernel(x);
  }
}

/// A quotient; by 0 it is no number, as in torch.
template <typename C>
C divide(C a, C b) {
  using T = typename C::value_type;
  constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
  return b == C(0) ? C(kNan, kNan) : a / b;
}

template <typename C>
UnaryRow<C, bool> test_row(UnaryOp op) {
  switch (op) {
    case UnaryOp::LogicalNot:
      return unary_row<C, bool>([](C x) { return x == C(0); });
    case UnaryOp::IsNan:
      return unary_row<C, bool>([](C x) { return std::isnan(x.real()) || std::isnan(x.imag()); });
    case UnaryOp::IsInf:
      return unary_row<C, bool>([](C x) { return std::isinf(x.real()) || std::isinf(x.imag()); });
    case UnaryOp::IsFinite:
      return unary_row<C, bool>(
          [](C x) { return std::isfinite(x.real()) && std::isfinite(x.imag()); });
    default:
      return nullptr;
  }
}

template <typename C>
UnaryRow<C, typename C::value_type> real_row(UnaryOp op) {
  using T = typename C::value_type;
  if (op == UnaryOp::Abs) return unary_row<C, T>([](C x) { return std::abs(x); });
  if (op == UnaryOp::Angle) return unary_row<C, T>([](C x) { return std::arg(x); });
  return nullptr;
}

template <typename C>
UnaryRow<C, C> simple_row(UnaryOp op) {
  using T = typename C::value_type;
  switch (op) {
    case UnaryOp::Neg:
      return unary_row<C, C>([](C x) { return -x; });
    case UnaryOp::Sign:
      return unary_row<C, C>([](C x) {
        const T size = std::abs(x);
        return size == 0 ? C(0) : x / size;
      });
    case UnaryOp::Square:
      return unary_row<C, C>([](C x) { return x * x; });
    case UnaryOp::Conj:
      return unary_row<C, C>([](C x) { return std::conj(x); });
    case UnaryOp::Reciprocal:
      return unary_row<C, C>([](C x) { return divide(C(1), x); });
    case UnaryOp::Sigmoid:
      return unary_row<C, C>([](C x) { return divide(C(1), C(1) + std::exp(-x)); });
    case UnaryOp::Sqrt:
      return unary_row<C, C>([](C x) { return std::sqrt(x); });
    case UnaryOp::Rsqrt:
      return unary_row<C, C>([](C x) { return divide(C(1), std::sqrt(x)); });
    default:
      return nullptr;
  }
}

template <typename C>
UnaryRow<C, C> function_row(UnaryOp op) {
  using T = typename C::value_type;
  switch (op) {
    case UnaryOp::Exp:
      return unary_row<C, C>([](C x) { return std::exp(x); });
    case UnaryOp::Log:
      return unary_row<C, C>([](C x) { return std::log(x); });
    case UnaryOp::Log2:
      return unary_row<C, C>([](C x) { return std::log(x) / T(0.693147180559945309417); });
    case UnaryOp::Log10:
      return unary_row<C, C>([](C x) { return std::log10(x); });
    case UnaryOp::Sin:
      return unary_row<C, C>([](C x) { return std::sin(x); });
    case UnaryOp::Cos:
      return unary_row<C, C>([](C x) { return std::cos(x); });
    case UnaryOp::Tan:
      return unary_row<C, C>([](C x) { return std::tan(x); });
    case UnaryOp::Asin:
      return unary_row<C, C>([](C x) { return std::asin(x); });
    case UnaryOp::Acos:
      return unary_row<C, C>([](C x) { return std::acos(x); });
    case UnaryOp::Atan:
      return unary_row<C, C>([](C x) { return std::atan(x); });
    case UnaryOp::Sinh:
      return unary_row<C, C>([](C x) { return std::sinh(x); });
    case UnaryOp::Cosh:
      return unary_row<C, C>([](C x) { return std::cosh(x); });
    case UnaryOp::Tanh:
      return unary_row<C, C>([](C x) { return std::tanh(x); });
    case UnaryOp::Asinh:
      return unary_row<C, C>([](C x) { return std::asinh(x); });
    case UnaryOp::Acosh:
      return unary_row<C, C>([](C x) { return std::acosh(x); });
    case UnaryOp::Atanh:
      return unary_row<C, C>([](C x) { return std::atanh(x); });
    default:
      return nullptr;
  }
}

template <typename C>
BinaryRow<C, bool> test_row(BinaryOp op) {
  switch (op) {
    case BinaryOp::Eq:
      return binary_row<C, bool>([](C a, C b) { return a == b; });
    case BinaryOp::Ne:
      return binary_row<C, bool>([](C a, C b) { return a != b; });
    case BinaryOp::LogicalAnd:
      return binary_row<C, bool>([](C a, C b) { return a != C(0) && b != C(0); });
    case BinaryOp::LogicalOr:
      return binary_row<C, bool>([](C a, C b) { return a != C(0) || b != C(0); });
    case BinaryOp::LogicalXor:
      return binary_row<C, bool>([](C a, C b) { return (a != C(0)) != (b != C(0)); });
    default:
      return nullptr;
  }
}

template <typename C>
BinaryRow<C, C> number_row(BinaryOp op) {
  switch (op) {
    case BinaryOp::Add:
      return binary_row<C, C>([](C a, C b) { return a + b; });
    case BinaryOp::Sub:
      return binary_row<C, C>([](C a, C b) { return a - b; });
    case BinaryOp::Mul:
      return binary_row<C, C>([](C a, C b) { return a * b; });
    case BinaryOp::Div:
      return binary_row<C, C>([](C a, C b) { return divide(a, b); });
    case BinaryOp::Pow:
      return binary_row<C, C>([](C a, C b) { return std::pow(a, b); });
    case BinaryOp::TanhGrad:
      return binary_row<C, C>([](C grad, C y) { return grad * std::conj(C(1) - y * y); });
    case BinaryOp::SigmoidGrad:
      return binary_row<C, C>([](C grad, C y) { return grad * std::conj((C(1) - y) * y); });
    default:
      return nullptr;
  }
}

}  // namespace

void unary_complex(UnaryOp op, const Tensor& x, const Tensor& out) {
  with_complex(x, [&](auto type) {
    using C = decltype(type);
    using T = typename C::value_type;
    if (const auto test = test_row<C>(op)) return walk_unary<C, bool>(test, x, out);
    if (const auto real = real_row<C>(op)) return walk_unary<C, T>(real, x, out);
    auto row = simple_row<C>(op);
    if (row == nullptr) row = function_row<C>(op);
    if (row == nullptr) throw_no_kernel(x);
    walk_unary<C, C>(row, x, out);
  });
}

void binary_complex(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out) {
  with_complex(a, [&](auto type) {
    using C = decltype(type);
    if (const auto test = test_row<C>(op)) return walk_binary<C, bool>(test, a, b, out);
    const auto row = number_row<C>(op);
    if (row == nullptr) throw_no_kernel(a);
    walk_binary<C, C>(row, a, b, out);
  });
}

}  // namespace nw::cpu
