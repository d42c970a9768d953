#include <type_traits>

#include "core/backend/cpu/elementwise_rows.h"

namespace nw::cpu {
namespace {

template <typename Body>
void with_whole(const Tensor& x, const Body& body) {
  switch (x.dtype()) {
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
    default:
      throw_no_kernel(x);
  }
}

/// What does not fit wraps around: arithmetic is done without a sign.
template <typename T>
uint64_t bits(T value) {
  return static_cast<uint64_t>(value);
}

template <typename T>
T power(T base, T exponent) {
  if constexpr (std::is_signed_v<T>) {
    if (exponent < 0) {
      if (base == 1) return 1;
      if (base == -1) return exponent % 2 == 0 ? T{1} : T{-1};
      return 0;
    }
  }
  uint64_t result = 1;
  uint64_t factor = bits(base);
  for (uint64_t rest = bits(exponent); rest != 0; rest >>= 1) {
    if ((rest & 1) != 0) result *= factor;
    factor *= factor;
  }
  return static_cast<T>(result);
}

/// Quotient and rest towards 0; the least number by −1 wraps.
template <typename T>
struct Division {
  T quotient, rest;

  Division(T a, T b) {
    NW_CHECK(b != 0, "[div] a whole number cannot be divided by 0");
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) {
        quotient = static_cast<T>(0 - bits(a));
        rest = 0;
        return;
      }
    }
    quotient = static_cast<T>(a / b);
    rest = static_cast<T>(a % b);
  }
};

template <typename T>
T divide_down(T a, T b) {
  const Division<T> parts(a, b);
  return parts.rest != 0 && (parts.rest < 0) != (b < 0) ? static_cast<T>(parts.quotient - 1)
                                                        : parts.quotient;
}

template <typename T>
T remainder_of(T a, T b) {
  const T rest = Division<T>(a, b).rest;
  return rest != 0 && (rest < 0) != (b < 0) ? static_cast<T>(rest + b) : rest;
}

template <typename T>
bool shifts_out(T count) {
  return count < 0 || bits(count) >= 8 * sizeof(T);
}
template <typename T>
T shift_left(T a, T b) {
  return shifts_out(b) ? T{0} : static_cast<T>(bits(a) << b);
}
template <typename T>
T shift_right(T a, T b) {
  if (shifts_out(b)) return a < 0 ? static_cast<T>(-1) : T{0};
  return static_cast<T>(a >> b);
}

template <typename T>
UnaryRow<T, bool> test_row(UnaryOp op) {
  switch (op) {
    case UnaryOp::LogicalNot:
      return unary_row<T, bool>([](T x) { return !x; });
    case UnaryOp::IsNan:
    case UnaryOp::IsInf:
      return unary_row<T, bool>([](T) { return false; });
    case UnaryOp::IsFinite:
      return unary_row<T, bool>([](T) { return true; });
    default:
      return nullptr;
  }
}

template <typename T>
UnaryRow<T, T> number_row(UnaryOp op) {
  if constexpr (std::is_same_v<T, bool>) {
    if (op == UnaryOp::BitwiseNot) return unary_row<T, T>([](T x) { return !x; });
    if (op == UnaryOp::Abs || op == UnaryOp::Sign) return unary_row<T, T>([](T x) { return x; });
    return nullptr;
  } else {
    switch (op) {
      case UnaryOp::Neg:
        return unary_row<T, T>([](T x) { return static_cast<T>(0 - bits(x)); });
      case UnaryOp::Abs:
        return unary_row<T, T>([](T x) { return x < 0 ? static_cast<T>(0 - bits(x)) : x; });
      case UnaryOp::Sign:
        return unary_row<T, T>([](T x) { return static_cast<T>((x > 0) - (x < 0)); });
      case UnaryOp::Square:
        return unary_row<T, T>([](T x) { return static_cast<T>(bits(x) * bits(x)); });
      case UnaryOp::Relu:
        return unary_row<T, T>([](T x) { return x > 0 ? x : T{0}; });
      case UnaryOp::BitwiseNot:
        return unary_row<T, T>([](T x) { return static_cast<T>(~x); });
      default:
        return nullptr;
    }
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
      return binary_row<T, bool>([](T a, T b) { return a && b; });
    case BinaryOp::LogicalOr:
      return binary_row<T, bool>([](T a, T b) { return a || b; });
    case BinaryOp::LogicalXor:
      return binary_row<T, bool>([](T a, T b) { return !a != !b; });
    default:
      return nullptr;
  }
}

/// What bool has, too: adding is or, multiplying is and.
template <typename T>
BinaryRow<T, T> common_row(BinaryOp op) {
  switch (op) {
    case BinaryOp::Add:
      return binary_row<T, T>([](T a, T b) { return static_cast<T>(bits(a) + bits(b)); });
    case BinaryOp::Mul:
      return binary_row<T, T>([](T a, T b) { return static_cast<T>(bits(a) * bits(b)); });
    case BinaryOp::Maximum:
    case BinaryOp::Fmax:
      return binary_row<T, T>([](T a, T b) { return a > b ? a : b; });
    case BinaryOp::Minimum:
    case BinaryOp::Fmin:
      return binary_row<T, T>([](T a, T b) { return a < b ? a : b; });
    case BinaryOp::BitwiseAnd:
      return binary_row<T, T>([](T a, T b) { return static_cast<T>(a & b); });
    case BinaryOp::BitwiseOr:
      return binary_row<T, T>([](T a, T b) { return static_cast<T>(a | b); });
    case BinaryOp::BitwiseXor:
      return binary_row<T, T>([](T a, T b) { return static_cast<T>(a ^ b); });
    default:
      return nullptr;
  }
}

template <typename T>
BinaryRow<T, T> number_row(BinaryOp op) {
  switch (op) {
    case BinaryOp::Sub:
      return binary_row<T, T>([](T a, T b) { return static_cast<T>(bits(a) - bits(b)); });
    case BinaryOp::Pow:
      return binary_row<T, T>([](T a, T b) { return power(a, b); });
    case BinaryOp::FloorDivide:
      return binary_row<T, T>([](T a, T b) { return divide_down(a, b); });
    case BinaryOp::Remainder:
      return binary_row<T, T>([](T a, T b) { return remainder_of(a, b); });
    case BinaryOp::Fmod:
      return binary_row<T, T>([](T a, T b) { return Division<T>(a, b).rest; });
    case BinaryOp::Div:  // towards 0: a true quotient is of real numbers
      return binary_row<T, T>([](T a, T b) { return Division<T>(a, b).quotient; });
    case BinaryOp::LeftShift:
      return binary_row<T, T>([](T a, T b) { return shift_left(a, b); });
    case BinaryOp::RightShift:
      return binary_row<T, T>([](T a, T b) { return shift_right(a, b); });
    default:
      return nullptr;
  }
}

}  // namespace

void unary_whole(UnaryOp op, const Tensor& x, const Tensor& out) {
  with_whole(x, [&](auto type) {
    using T = decltype(type);
    if (const auto test = test_row<T>(op)) return walk_unary<T, bool>(test, x, out);
    const auto row = number_row<T>(op);
    if (row == nullptr) throw_no_kernel(x);
    walk_unary<T, T>(row, x, out);
  });
}

void binary_whole(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out) {
  with_whole(a, [&](auto type) {
    using T = decltype(type);
    if (const auto test = test_row<T>(op)) return walk_binary<T, bool>(test, a, b, out);
    auto row = common_row<T>(op);
    if constexpr (!std::is_same_v<T, bool>) {
      if (row == nullptr) row = number_row<T>(op);
    }
    if (row == nullptr) throw_no_kernel(a);
    walk_binary<T, T>(row, a, b, out);
  });
}

}  // namespace nw::cpu
