#pragma once

#include <cstdint>

namespace nw {

/// Functions of one number. LogicalNot to IsFinite give bool; Abs and Angle of a complex number
/// give a real one; the others the type they are given.
enum class UnaryOp : uint8_t {
  // of every type
  Neg,
  Abs,
  Sign,  // of a complex number: the direction
  Square,
  LogicalNot,
  IsNan,
  IsInf,
  IsFinite,
  // whole numbers and bool
  BitwiseNot,
  // real and complex numbers
  Exp,
  Expm1,
  Log,
  Log1p,
  Log2,
  Log10,
  Sqrt,
  Rsqrt,
  Reciprocal,
  Sin,
  Cos,
  Tan,
  Asin,
  Acos,
  Atan,
  Sinh,
  Cosh,
  Tanh,
  Asinh,
  Acosh,
  Atanh,
  Sigmoid,
  // real numbers
  Relu,
  Erf,
  Erfc,
  Erfinv,
  Floor,
  Ceil,
  Round,  // half to even
  Trunc,
  Frac,
  // complex numbers
  Conj,
  Angle,
};

/// Functions of two numbers of one type. Eq to LogicalXor give bool. The *Grad ops take (gradient
/// of the output, the forward's output).
enum class BinaryOp : uint8_t {
  // of every type
  Add,  // of bool: or
  Sub,
  Mul,  // of bool: and
  Div,  // real and complex numbers
  Pow,
  Eq,
  Ne,
  LogicalAnd,
  LogicalOr,
  LogicalXor,
  // real and whole numbers; of bool up to Fmin
  Lt,
  Le,
  Gt,
  Ge,
  Maximum,  // NaN wins
  Minimum,
  Fmax,  // NaN loses
  Fmin,
  FloorDivide,  // whole numbers: throws Error for a divisor of 0; so do the next two
  Remainder,    // has the divisor's sign
  Fmod,         // has the dividend's sign
  // whole numbers and, but for the shifts, bool
  BitwiseAnd,
  BitwiseOr,
  BitwiseXor,
  LeftShift,
  RightShift,
  // real numbers
  Atan2,
  ReluGrad,
  // real and complex numbers
  TanhGrad,
  SigmoidGrad,
};

/// How many numbers become one. NaN wins in Max and Min.
enum class ReduceOp : uint8_t { Sum, Prod, Max, Min };

/// How average pooling divides (see torch.nn.AvgPool2d).
struct AvgPoolMode {
  bool count_include_pad = true;
  int64_t divisor_override = 0;  // 0: none
};

}  // namespace nw
