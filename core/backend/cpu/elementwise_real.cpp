#include <cmath>
#include <limits>
#include <numbers>

#include "core/backend/cpu/elementwise_rows.h"
#include "core/backend/cpu/erfinv.h"

namespace nw::cpu {
namespace {

template <typename T>
T divide_down(T a, T b) {
  if (b == 0) return a / b;
  const T rest = std::fmod(a, b);
  T quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(T{0}, a / b);
  const T down = std::floor(quotient);
  return quotient - down > T{0.5} ? down + 1 : down;
}

template <typename T>
T remainder_of(T a, T b) {
  const T rest = std::fmod(a, b);
  return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}

template <typename T>
UnaryRow<T, bool> test_row(UnaryOp op) {
  switch (op) {
    case UnaryOp::LogicalNot:
      return unary_row<T, bool>([](T x) { return x == 0; });
    case UnaryOp::IsNan:
      return unary_row<T, bool>([](T x) { return x != x; });
    case UnaryOp::IsInf:
      return unary_row<T, bool>([](T x) { return std::isinf(x); });
    case UnaryOp::IsFinite:
      return unary_row<T, bool>([](T x) { return std::isfinite(x); });
    default:
      return nullptr;
  }
}

template <typename T>
UnaryRow<T, T> simple_row(UnaryOp op) {
  switch (op) {
    case UnaryOp::Abs:
      return unary_row<T, T>([](T x) { return std::abs(x); });
    case UnaryOp::Sign:
      return unary_row<T, T>([](T x) { return static_cast<T>((x > 0) - (x < 0)); });
    case UnaryOp::Square:
      return unary_row<T, T>([](T x) { return x * x; });
    case UnaryOp::Reciprocal:
      return unary_row<T, T>([](T x) { return 1 / x; });
    case UnaryOp::Rsqrt:
      return unary_row<T, T>([](T x) { return 1 / std::sqrt(x); });
    case UnaryOp::Floor:
      return unary_row<T, T>([](T x) { return std::floor(x); });
    case UnaryOp::Ceil:
      return unary_row<T, T>([](T x) { return std::ceil(x); });
    case UnaryOp::Round:
      return unary_row<T, T>([](T x) { return std::nearbyint(x); });
    case UnaryOp::Trunc:
      return unary_row<T, T>([](T x) { return std::trunc(x); });
    case UnaryOp::Frac:
      return unary_row<T, T>([](T x) { return x - std::trunc(x); });
    case UnaryOp::Angle:
      return unary_row<T, T>(
          [](T x) { return x != x ? x : (x < 0 ? std::numbers::pi_v<T> : T{0}); });
    default:
      return nullptr;
  }
}

template <typename T>
UnaryRow<T, T> function_row(UnaryOp op) {
  switch (op) {
    case UnaryOp::Expm1:
      return unary_row<T, T>([](T x) { return std::expm1(x); });
    case UnaryOp::Log1p:
      return unary_row<T, T>([](T x) { return std::log1p(x); });
    case UnaryOp::Log2:
      return unary_row<T, T>([](T x) { return std::log2(x); });
    case UnaryOp::Log10:
      return unary_row<T, T>([](T x) { return std::log10(x); });
    case UnaryOp::Sin:
      return unary_row<T, T>([](T x) { return std::sin(x); });
    case UnaryOp::Cos:
      return unary_row<T, T>([](T x) { return std::cos(x); });
    case UnaryOp::Tan:
      return unary_row<T, T>([](T x) { return std::tan(x); });
    case UnaryOp::Asin:
      return unary_row<T, T>([](T x) { return std::asin(x); });
    case UnaryOp::Acos:
      return unary_row<T, T>([](T x) { return std::acos(x); });
    case UnaryOp::Atan:
      return unary_row<T, T>([](T x) { return std::atan(x); });
    case UnaryOp::Sinh:
      return unary_row<T, T>([](T x) { return std::sinh(x); });
    case UnaryOp::Cosh:
      return unary_row<T, T>([](T x) { return std::cosh(x); });
    case UnaryOp::Asinh:
      return unary_row<T, T>([](T x) { return std::asinh(x); });
    case UnaryOp::Acosh:
      return unary_row<T, T>([](T x) { return std::acosh(x); });
    case UnaryOp::Atanh:
      return unary_row<T, T>([](T x) { return std::atanh(x); });
    case UnaryOp::Erf:
      return unary_row<T, T>([](T x) { return std::erf(x); });
    case UnaryOp::Erfc:
      return unary_row<T, T>([](T x) { return std::erfc(x); });
    case UnaryOp::Erfinv:
      return unary_row<T, T>([](T x) { return erfinv(x); });
    default:
      return nullptr;
  }
}

template <typename T>
BinaryRow<T, bool> test_row(BinaryOp op) {
  switch (op) {
    case BinaryOp::Eq:
      return binary_row<T, bool>([](T a, T b) { return a == b; });
    case BinaryOp::Ne:
      return binary_row<T, bool>([](T a, T b) { return a != b; });
    case BinaryOp::Lt:
      return binary_row<T, bool>([](T a, T b) { return a < b; });
    case BinaryOp::Le:
      return binary_row<T, bool>([](T a, T b) { return a <= b; });
    case BinaryOp::Gt:
      return binary_row<T, bool>([](T a, T b) { return a > b; });
    case BinaryOp::Ge:
      return binary_row<T, bool>([](T a, T b) { return a >= b; });
    case BinaryOp::LogicalAnd:
      return binary_row<T, bool>([](T a, T b) { return a != 0 && b != 0; });
    case BinaryOp::LogicalOr:
      return binary_row<T, bool>([](T a, T b) { return a != 0 || b != 0; });
    case BinaryOp::LogicalXor:
      return binary_row<T, bool>([](T a, T b) { return (a != 0) != (b != 0); });
    default:
      return nullptr;
  }
}

template <typename T>
BinaryRow<T, T> number_row(BinaryOp op) {
  switch (op) {
    case BinaryOp::Pow:
      return binary_row<T, T>([](T a, T b) { return std::pow(a, b); });
    case BinaryOp::Maximum:
      return binary_row<T, T>([](T a, T b) { return a != a || a > b ? a : b; });
    case BinaryOp::Minimum:
      return binary_row<T, T>([](T a, T b) { return a != a || a < b ? a : b; });
    case BinaryOp::Fmax:
      return binary_row<T, T>([](T a, T b) { return std::fmax(a, b); });
    case BinaryOp::Fmin:
      return binary_row<T, T>([](T a, T b) { return std::fmin(a, b); });
    case BinaryOp::FloorDivide:
      return binary_row<T, T>([](T a, T b) { return divide_down(a, b); });
    case BinaryOp::Remainder:
      return binary_row<T, T>([](T a, T b) { return remainder_of(a, b); });
    case BinaryOp::Fmod:
      return binary_row<T, T>([](T a, T b) { return std::fmod(a, b); });
    case BinaryOp::Atan2:
      return binary_row<T, T>([](T a, T b) { return std::atan2(a, b); });
    default:
      return nullptr;
  }
}

}  // namespace

void throw_no_kernel(const Tensor& x) {
  throw InternalError(concat("[elementwise] has no such function of ", name(x.dtype())));
}

void unary_real(UnaryOp op, const Tensor& x, const Tensor& out) {
  with_floating(x, "unary", [&](auto type) {
    using T = decltype(type);
    if (const auto test = test_row<T>(op)) return walk_unary<T, bool>(test, x, out);
    auto row = simple_row<T>(op);
    if (row == nullptr) row = function_row<T>(op);
    if (row == nullptr) throw_no_kernel(x);
    walk_unary<T, T>(row, x, out);
  });
}

void binary_real(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out) {
  with_floating(a, "binary", [&](auto type) {
    using T = decltype(type);
    if (const auto test = test_row<T>(op)) return walk_binary<T, bool>(test, a, b, out);
    const auto row = number_row<T>(op);
    if (row == nullptr) throw_no_kernel(a);
    walk_binary<T, T>(row, a, b, out);
  });
}

}  // namespace nw::cpu
