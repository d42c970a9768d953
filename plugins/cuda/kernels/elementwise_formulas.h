#pragma once

#include "core/backend/kernel_types.h"
#include "plugins/cuda/kernels/number.h"

/// The elementwise ops as functions of numbers; core/backend/kernel_types.h says what each does.
/// F is float or double; tests come as 1 and 0.
namespace nw::cuda {

NW_BOTH bool gives_bool(UnaryOp op) {
  return op >= UnaryOp::LogicalNot && op <= UnaryOp::IsFinite;
}
NW_BOTH bool gives_bool(BinaryOp op) {
  return (op >= BinaryOp::Eq && op <= BinaryOp::LogicalXor) ||
         (op >= BinaryOp::Lt && op <= BinaryOp::Ge);
}

template <typename F>
NW_BOTH F sigmoid(F x) {
  return 1 / (1 + std::exp(-x));
}

/// A rational approximation (P. J. Acklam's form), then two steps of Newton's method.
template <typename F>
NW_BOTH F inverse_erf(F y) {
  const F size = std::fabs(y);
  if (!(size <= 1)) return not_a_number<F>();
  if (size == 1) return y > 0 ? infinity<F>() : -infinity<F>();
  F x = 0;
  if (size <= F(0.7)) {
    const F z = y * y;
    const F above =
        ((F(-0.140543331) * z + F(0.914624893)) * z + F(-1.645349621)) * z + F(0.886226899);
    const F below =
        (((F(0.012229801) * z + F(-0.329097515)) * z + F(1.442710462)) * z + F(-2.118377725)) * z +
        1;
    x = y * above / below;
  } else {
    const F z = std::sqrt(-std::log((1 - size) / 2));
    const F above =
        ((F(1.641345311) * z + F(3.429567803)) * z + F(-1.624906493)) * z + F(-1.970840454);
    const F below = (F(1.637067800) * z + F(3.543889200)) * z + 1;
    x = (y < 0 ? -above : above) / below;
  }
  const F slope = F(1.12837916709551257390);  // of erf at 0
  for (int i = 0; i < 2; ++i) x -= (std::erf(x) - y) / (slope * std::exp(-x * x));
  return x;
}

template <typename F>
NW_BOTH F unary_of(UnaryOp op, F x) {
  switch (op) {
    case UnaryOp::Neg:
      return -x;
    case UnaryOp::Abs:
      return std::fabs(x);
    case UnaryOp::Sign:
      return static_cast<F>((x > 0) - (x < 0));
    case UnaryOp::Square:
      return x * x;
    case UnaryOp::LogicalNot:
      return x == 0;
    case UnaryOp::IsNan:
      return x != x;
    case UnaryOp::IsInf:
      return std::fabs(x) == infinity<F>();
    case UnaryOp::IsFinite:
      return std::fabs(x) < infinity<F>();
    case UnaryOp::Exp:
      return std::exp(x);
    case UnaryOp::Expm1:
      return std::expm1(x);
    case UnaryOp::Log:
      return std::log(x);
    case UnaryOp::Log1p:
      return std::log1p(x);
    case UnaryOp::Log2:
      return std::log2(x);
    case UnaryOp::Log10:
      return std::log10(x);
    case UnaryOp::Sqrt:
      return std::sqrt(x);
    case UnaryOp::Rsqrt:
      return 1 / std::sqrt(x);
    case UnaryOp::Reciprocal:
      return 1 / x;
    case UnaryOp::Sin:
      return std::sin(x);
    case UnaryOp::Cos:
      return std::cos(x);
    case UnaryOp::Tan:
      return std::tan(x);
    case UnaryOp::Asin:
      return std::asin(x);
    case UnaryOp::Acos:
      return std::acos(x);
    case UnaryOp::Atan:
      return std::atan(x);
    case UnaryOp::Sinh:
      return std::sinh(x);
    case UnaryOp::Cosh:
      return std::cosh(x);
    case UnaryOp::Tanh:
      return std::tanh(x);
    case UnaryOp::Asinh:
      return std::asinh(x);
    case UnaryOp::Acosh:
      return std::acosh(x);
    case UnaryOp::Atanh:
      return std::atanh(x);
    case UnaryOp::Sigmoid:
      return sigmoid(x);
    case UnaryOp::Relu:
      return x < 0 ? F(0) : x;  // keeps NaN
    case UnaryOp::Erf:
      return std::erf(x);
    case UnaryOp::Erfc:
      return std::erfc(x);
    case UnaryOp::Erfinv:
      return inverse_erf(x);
    case UnaryOp::Floor:
      return std::floor(x);
    case UnaryOp::Ceil:
      return std::ceil(x);
    case UnaryOp::Round:
      return std::rint(x);
    case UnaryOp::Trunc:
      return std::trunc(x);
    case UnaryOp::Frac:
      return x - std::trunc(x);
    case UnaryOp::Angle:
      return x != x ? x : x < 0 ? F(3.14159265358979323846) : F(0);
    default:  // of other kinds of number
      return not_a_number<F>();
  }
}

template <typename F>
NW_BOTH F remainder_of(F a, F b) {
  const F rest = std::fmod(a, b);
  return rest != 0 && (b < 0) != (rest < 0) ? rest + b : rest;
}

template <typename F>
NW_BOTH F divide_down(F a, F b) {
  if (b == 0) return a / b;
  const F rest = std::fmod(a, b);
  F quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(F(0), a / b);
  const F down = std::floor(quotient);
  return quotient - down > F(0.5) ? down + 1 : down;
}

template <typename F>
NW_BOTH F binary_of(BinaryOp op, F a, F b) {
  switch (op) {
    case BinaryOp::Add:
      return a + b;
    case BinaryOp::Sub:
      return a - b;
    case BinaryOp::Mul:
      return a * b;
    case BinaryOp::Div:
      return a / b;
    case BinaryOp::Pow:
      return std::pow(a, b);
    case BinaryOp::Eq:
      return a == b;
    case BinaryOp::Ne:
      return a != b;
    case BinaryOp::LogicalAnd:
      return a != 0 && b != 0;
    case BinaryOp::LogicalOr:
      return a != 0 || b != 0;
    case BinaryOp::LogicalXor:
      return (a != 0) != (b != 0);
    case BinaryOp::Lt:
      return a < b;
    case BinaryOp::Le:
      return a <= b;
    case BinaryOp::Gt:
      return a > b;
    case BinaryOp::Ge:
      return a >= b;
    case BinaryOp::Maximum:
      return a != a || a > b ? a : b;
    case BinaryOp::Minimum:
      return a != a || a < b ? a : b;
    case BinaryOp::Fmax:
      return std::fmax(a, b);
    case BinaryOp::Fmin:
      return std::fmin(a, b);
    case BinaryOp::FloorDivide:
      return divide_down(a, b);
    case BinaryOp::Remainder:
      return remainder_of(a, b);
    case BinaryOp::Fmod:
      return std::fmod(a, b);
    case BinaryOp::Atan2:
      return std::atan2(a, b);
    case BinaryOp::ReluGrad:
      return b <= 0 ? F(0) : a;
    case BinaryOp::TanhGrad:
      return a * (1 - b * b);
    case BinaryOp::SigmoidGrad:
      return a * ((1 - b) * b);
    default:  // of other kinds of number
      return not_a_number<F>();
  }
}

/// A whole number or bool as int64: what it loses when stored is what it would lose in its own
/// width.
NW_BOTH int64_t whole_unary(UnaryOp op, int64_t x, bool is_bool) {
  switch (op) {
    case UnaryOp::Neg:
      return static_cast<int64_t>(0 - static_cast<uint64_t>(x));
    case UnaryOp::Abs:
      return x < 0 ? static_cast<int64_t>(0 - static_cast<uint64_t>(x)) : x;
    case UnaryOp::Sign:
      return (x > 0) - (x < 0);
    case UnaryOp::Square:
      return static_cast<int64_t>(static_cast<uint64_t>(x) * static_cast<uint64_t>(x));
    case UnaryOp::LogicalNot:
      return x == 0;
    case UnaryOp::IsFinite:
      return 1;
    case UnaryOp::Relu:
      return x > 0 ? x : 0;
    case UnaryOp::BitwiseNot:
      return is_bool ? x == 0 : ~x;
    default:  // IsNan, IsInf
      return 0;
  }
}

NW_BOTH int64_t whole_power(int64_t base, int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  uint64_t result = 1;
  auto factor = static_cast<uint64_t>(base);
  for (auto rest = static_cast<uint64_t>(exponent); rest != 0; rest >>= 1) {
    if ((rest & 1) != 0) result *= factor;
    factor *= factor;
  }
  return static_cast<int64_t>(result);
}

/// Needs a divisor: b is not 0 here.
NW_BOTH int64_t whole_quotient(BinaryOp op, int64_t a, int64_t b) {
  const int64_t quotient = b == -1 ? static_cast<int64_t>(0 - static_cast<uint64_t>(a)) : a / b;
  const int64_t rest = b == -1 ? 0 : a % b;
  const bool down = rest != 0 && (rest < 0) != (b < 0);
  switch (op) {
    case BinaryOp::FloorDivide:
      return down ? quotient - 1 : quotient;
    case BinaryOp::Remainder:
      return down ? rest + b : rest;
    case BinaryOp::Fmod:
      return rest;
    default:  // Div, towards 0
      return quotient;
  }
}

NW_BOTH bool divides(BinaryOp op) {
  return op == BinaryOp::Div || op == BinaryOp::FloorDivide || op == BinaryOp::Remainder ||
         op == BinaryOp::Fmod;
}

/// `bits`: the width of the numbers. Not for the ops that divide.
NW_BOTH int64_t whole_binary(BinaryOp op, int64_t a, int64_t b, int bits) {
  const auto left = static_cast<uint64_t>(a);
  const auto right = static_cast<uint64_t>(b);
  switch (op) {
    case BinaryOp::Add:
      return static_cast<int64_t>(left + right);
    case BinaryOp::Sub:
      return static_cast<int64_t>(left - right);
    case BinaryOp::Mul:
      return static_cast<int64_t>(left * right);
    case BinaryOp::Pow:
      return whole_power(a, b);
    case BinaryOp::Eq:
      return a == b;
    case BinaryOp::Ne:
      return a != b;
    case BinaryOp::LogicalAnd:
      return a != 0 && b != 0;
    case BinaryOp::LogicalOr:
      return a != 0 || b != 0;
    case BinaryOp::LogicalXor:
      return (a != 0) != (b != 0);
    case BinaryOp::Lt:
      return a < b;
    case BinaryOp::Le:
      return a <= b;
    case BinaryOp::Gt:
      return a > b;
    case BinaryOp::Ge:
      return a >= b;
    case BinaryOp::Maximum:
    case BinaryOp::Fmax:
      return a > b ? a : b;
    case BinaryOp::Minimum:
    case BinaryOp::Fmin:
      return a < b ? a : b;
    case BinaryOp::BitwiseAnd:
      return a & b;
    case BinaryOp::BitwiseOr:
      return a | b;
    case BinaryOp::BitwiseXor:
      return a ^ b;
    case BinaryOp::LeftShift:
      return b < 0 || b >= bits ? 0 : static_cast<int64_t>(left << right);
    case BinaryOp::RightShift:
      return b < 0 || b >= bits ? (a < 0 ? -1 : 0) : a >> b;
    default:  // of real numbers
      return 0;
  }
}

}  // namespace nw::cuda
