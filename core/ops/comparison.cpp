#include "core/ops/comparison.h"

#include "core/ops/broadcast.h"
#include "core/ops/checks.h"
#include "core/ops/promotion.h"
#include "core/ops/reduction.h"

namespace nw::ops {
namespace {

void check_ordered(DType dtype, std::string_view op) {
  NW_CHECK(!is_complex(dtype), "[", op, "] expects numbers with an order, gets ", name(dtype));
}

/// a ∘ b as bool, in their common dtype.
Tensor compared(BinaryOp op, const Tensor& a, const Tensor& b, std::string_view name) {
  const DType common = result_type(a, b);
  if (op != BinaryOp::Eq && op != BinaryOp::Ne) check_ordered(common, name);
  return binary_raw(op, to(a.detach(), common), to(b.detach(), common), name, DType::Bool);
}

Tensor compared(BinaryOp op, const Tensor& a, const Scalar& b, std::string_view name) {
  const DType common = result_type(a, b);
  if (op != BinaryOp::Eq && op != BinaryOp::Ne) check_ordered(common, name);
  return binary_raw(op, to(a.detach(), common), operand(b, common, a), name, DType::Bool);
}

Tensor logical(BinaryOp op, const Tensor& a, const Tensor& b, std::string_view name) {
  const DType common = result_type(a, b);
  return binary_raw(op, to(a.detach(), common), to(b.detach(), common), name, DType::Bool);
}

Tensor bitwise(BinaryOp op, const Tensor& a, const Tensor& b, std::string_view name) {
  const DType common = result_type(a, b);
  const bool shifts = op == BinaryOp::LeftShift || op == BinaryOp::RightShift;
  NW_CHECK(is_whole(common) || (common == DType::Bool && !shifts), "[", name,
           "] expects whole numbers", shifts ? "" : " or bool", ", gets ", nw::name(common));
  return binary_raw(op, to(a, common), to(b, common), name);
}

Tensor bitwise(BinaryOp op, const Tensor& a, const Scalar& b, std::string_view name) {
  return bitwise(op, a, operand(b, result_type(a, b), a), name);
}

}  // namespace

Tensor eq(const Tensor& a, const Tensor& b) {
  return compared(BinaryOp::Eq, a, b, "eq");
}
Tensor eq(const Tensor& a, const Scalar& b) {
  return compared(BinaryOp::Eq, a, b, "eq");
}
Tensor ne(const Tensor& a, const Tensor& b) {
  return compared(BinaryOp::Ne, a, b, "ne");
}
Tensor ne(const Tensor& a, const Scalar& b) {
  return compared(BinaryOp::Ne, a, b, "ne");
}
Tensor lt(const Tensor& a, const Tensor& b) {
  return compared(BinaryOp::Lt, a, b, "lt");
}
Tensor lt(const Tensor& a, const Scalar& b) {
  return compared(BinaryOp::Lt, a, b, "lt");
}
Tensor le(const Tensor& a, const Tensor& b) {
  return compared(BinaryOp::Le, a, b, "le");
}
Tensor le(const Tensor& a, const Scalar& b) {
  return compared(BinaryOp::Le, a, b, "le");
}
Tensor gt(const Tensor& a, const Tensor& b) {
  return compared(BinaryOp::Gt, a, b, "gt");
}
Tensor gt(const Tensor& a, const Scalar& b) {
  return compared(BinaryOp::Gt, a, b, "gt");
}
Tensor ge(const Tensor& a, const Tensor& b) {
  return compared(BinaryOp::Ge, a, b, "ge");
}
Tensor ge(const Tensor& a, const Scalar& b) {
  return compared(BinaryOp::Ge, a, b, "ge");
}

bool equal(const Tensor& a, const Tensor& b) {
  NW_CHECK(a.dtype() == b.dtype(), "[equal] expects tensors of one dtype, gets ", name(a.dtype()),
           " and ", name(b.dtype()));
  return a.sizes() == b.sizes() && all(eq(a, b)).item() != 0;
}

Tensor logical_and(const Tensor& a, const Tensor& b) {
  return logical(BinaryOp::LogicalAnd, a, b, "logical_and");
}
Tensor logical_or(const Tensor& a, const Tensor& b) {
  return logical(BinaryOp::LogicalOr, a, b, "logical_or");
}
Tensor logical_xor(const Tensor& a, const Tensor& b) {
  return logical(BinaryOp::LogicalXor, a, b, "logical_xor");
}
Tensor logical_not(const Tensor& x) {
  return unary_raw(UnaryOp::LogicalNot, x, DType::Bool);
}

Tensor bitwise_and(const Tensor& a, const Tensor& b) {
  return bitwise(BinaryOp::BitwiseAnd, a, b, "bitwise_and");
}
Tensor bitwise_and(const Tensor& a, const Scalar& b) {
  return bitwise(BinaryOp::BitwiseAnd, a, b, "bitwise_and");
}
Tensor bitwise_or(const Tensor& a, const Tensor& b) {
  return bitwise(BinaryOp::BitwiseOr, a, b, "bitwise_or");
}
Tensor bitwise_or(const Tensor& a, const Scalar& b) {
  return bitwise(BinaryOp::BitwiseOr, a, b, "bitwise_or");
}
Tensor bitwise_xor(const Tensor& a, const Tensor& b) {
  return bitwise(BinaryOp::BitwiseXor, a, b, "bitwise_xor");
}
Tensor bitwise_xor(const Tensor& a, const Scalar& b) {
  return bitwise(BinaryOp::BitwiseXor, a, b, "bitwise_xor");
}
Tensor bitwise_left_shift(const Tensor& a, const Tensor& b) {
  return bitwise(BinaryOp::LeftShift, a, b, "bitwise_left_shift");
}
Tensor bitwise_left_shift(const Tensor& a, const Scalar& b) {
  return bitwise(BinaryOp::LeftShift, a, b, "bitwise_left_shift");
}
Tensor bitwise_right_shift(const Tensor& a, const Tensor& b) {
  return bitwise(BinaryOp::RightShift, a, b, "bitwise_right_shift");
}
Tensor bitwise_right_shift(const Tensor& a, const Scalar& b) {
  return bitwise(BinaryOp::RightShift, a, b, "bitwise_right_shift");
}
Tensor bitwise_not(const Tensor& x) {
  NW_CHECK(is_whole(x.dtype()) || x.dtype() == DType::Bool,
           "[bitwise_not] expects whole numbers or bool, gets ", name(x.dtype()));
  return unary_raw(UnaryOp::BitwiseNot, x);
}

Tensor isnan(const Tensor& x) {
  return unary_raw(UnaryOp::IsNan, x, DType::Bool);
}
Tensor isinf(const Tensor& x) {
  return unary_raw(UnaryOp::IsInf, x, DType::Bool);
}
Tensor isfinite(const Tensor& x) {
  return unary_raw(UnaryOp::IsFinite, x, DType::Bool);
}

}  // namespace nw::ops
