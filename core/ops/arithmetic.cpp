#include "core/ops/arithmetic.h"

#include "core/autograd/kept.h"
#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/autocast.h"
#include "core/ops/broadcast.h"
#include "core/ops/checks.h"
#include "core/ops/elementwise.h"
#include "core/ops/promotion.h"

namespace nw::ops {
namespace {

using autograd::kept_for;
using autograd::needs_record;
using autograd::Node;
using autograd::record;

Tensor scaled(const Tensor& x, double scale, double shift = 0) {
  const Tensor out = new_alike(x, x.dtype());
  kernels_of(x).affine(x, scale, shift, out);
  return out;
}

void refuse_bool_difference(bool has_bool) {
  NW_CHECK(!has_bool, "[sub] does not subtract bool; logical_xor tells where two differ, ",
           "logical_not turns one around");
}

DType inexact(DType dtype) {
  return is_floating(dtype) || is_complex(dtype) ? dtype : DType::Float32;
}

/// The gradients of a sum or difference: `sign` before that of b.
void record_sum(std::string_view name, const Tensor& out, const Tensor& a, const Tensor& b,
                int sign) {
  record(name, out, std::array{a, b}, std::array<Tensor, 0>{},
         [a_sizes = a.sizes(), b_sizes = b.sizes(), sign](const Node& node, const Tensors& grads,
                                                          Tensors& grad_inputs, const auto&) {
           if (node.needs_grad(0)) grad_inputs[0] = sum_to(grads[0], a_sizes);
           if (!node.needs_grad(1)) return;
           const Tensor grad_b = sum_to(grads[0], b_sizes);
           grad_inputs[1] = sign > 0 ? grad_b : neg(grad_b);
         });
}

Tensor sum_alike(const Tensor& a, const Tensor& b, int sign) {
  const std::string_view name = sign > 0 ? "add" : "sub";
  const Tensor out = binary_raw(sign > 0 ? BinaryOp::Add : BinaryOp::Sub, a, b, name);
  if (needs_record(a, b)) record_sum(name, out, a, b, sign);
  return out;
}

/// a ± a number, or × with `backward(grad)`; a has the common dtype.
template <typename Backward>
Tensor with_number(BinaryOp op, const Tensor& a, const Scalar& b, std::string_view name,
                   Backward backward) {
  const Tensor out = binary_raw(op, a, operand(b, a.dtype(), a), name);
  if (needs_record(a)) {
    record(name, out, std::array{a}, std::array<Tensor, 0>{},
           [backward](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
             grad_inputs[0] = backward(grads[0]);
           });
  }
  return out;
}

Scalar conjugate(const Scalar& value) {
  return value.is_complex() ? Scalar(std::conj(value.to_complex())) : value;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  const DType common = result_type(a, b);
  return sum_alike(to(a, common), to(b, common), 1);
}

Tensor sub(const Tensor& a, const Tensor& b) {
  refuse_bool_difference(a.dtype() == DType::Bool || b.dtype() == DType::Bool);
  const DType common = result_type(a, b);
  return sum_alike(to(a, common), to(b, common), -1);
}

Tensor add(const Tensor& a, const Scalar& b) {
  return with_number(BinaryOp::Add, to(a, result_type(a, b)), b, "add",
                     [](const Tensor& grad) { return grad; });
}

Tensor sub(const Tensor& a, const Scalar& b) {
  refuse_bool_difference(a.dtype() == DType::Bool || b.is_bool());
  return with_number(BinaryOp::Sub, to(a, result_type(a, b)), b, "sub",
                     [](const Tensor& grad) { return grad; });
}

Tensor sub(const Scalar& a, const Tensor& b) {
  refuse_bool_difference(b.dtype() == DType::Bool || a.is_bool());
  const Tensor x = to(b, result_type(b, a));
  const Tensor out = binary_raw(BinaryOp::Sub, operand(a, x.dtype(), x), x, "sub");
  if (needs_record(x)) {
    record("sub", out, std::array{x}, std::array<Tensor, 0>{},
           [](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
             grad_inputs[0] = neg(grads[0]);
           });
  }
  return out;
}

Tensor mul(const Tensor& a, const Scalar& b) {
  return with_number(BinaryOp::Mul, to(a, result_type(a, b)), b, "mul",
                     [b](const Tensor& grad) { return mul(grad, conjugate(b)); });
}

Tensor mul(const Tensor& given_a, const Tensor& given_b) {
  const DType common = result_type(given_a, given_b);
  const Tensor a = to(given_a, common);
  const Tensor b = to(given_b, common);
  const Tensor out = binary_raw(BinaryOp::Mul, a, b, "mul");
  if (needs_record(a, b)) {
    record("mul", out, std::array{a, b}, std::array{kept_for(b, a), kept_for(a, b)},
           [sizes = std::array{a.sizes(), b.sizes()}](const Node& node, const Tensors& grads,
                                                      Tensors& grad_inputs, const auto& saved) {
             for (size_t i = 0; i < 2; ++i) {
               if (!node.needs_grad(i)) continue;
               const Tensor product =
                   binary_raw(BinaryOp::Mul, grads[0], conj(saved[1 - i]), "mul");
               grad_inputs[i] = sum_to(product, sizes[i]);
             }
           });
  }
  return out;
}

Tensor div(const Tensor& given_a, const Tensor& given_b) {
  const DType common = inexact(result_type(given_a, given_b));
  const Tensor a = to(given_a, common);
  const Tensor b = to(given_b, common);
  const Tensor out = binary_raw(BinaryOp::Div, a, b, "div");
  if (needs_record(a, b)) {
    record("div", out, std::array{a, b}, std::array{b, kept_for(b, a)},
           [a_sizes = a.sizes()](const Node& node, const Tensors& grads, Tensors& grad_inputs,
                                 const auto& saved) {
             const auto& [divisor, dividend] = saved;
             const Tensor grad_a = binary_raw(BinaryOp::Div, grads[0], conj(divisor), "div");
             if (node.needs_grad(0)) grad_inputs[0] = sum_to(grad_a, a_sizes);
             if (!node.needs_grad(1)) return;
             // d(a/b)/db = −(a/b)/b; the quotient itself may be edited in place
             const Tensor quotient = binary_raw(BinaryOp::Div, dividend, divisor, "div");
             const Tensor product = binary_raw(BinaryOp::Mul, grad_a, conj(quotient), "div");
             grad_inputs[1] = neg(sum_to(product, divisor.sizes()));
           });
  }
  return out;
}

Tensor div(const Tensor& a, const Scalar& b) {
  return with_number(BinaryOp::Div, to(a, inexact(result_type(a, b))), b, "div",
                     [b](const Tensor& grad) { return div(grad, conjugate(b)); });
}

Tensor div(const Scalar& a, const Tensor& b) {
  return mul(reciprocal(b), a);
}

Tensor affine(const Tensor& x, double scale, double shift) {
  check_floating(x, "affine");
  const Tensor out = scaled(x, scale, shift);
  if (needs_record(x)) {
    record("affine", out, std::array{x}, std::array<Tensor, 0>{},
           [scale](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
             grad_inputs[0] = scaled(grads[0], scale);
           });
  }
  return out;
}

Tensor neg(const Tensor& x) {
  NW_CHECK(x.dtype() != DType::Bool, "[neg] has no −x of bool; logical_not turns it around");
  const Tensor out = unary_raw(UnaryOp::Neg, x);
  if (needs_record(x)) {
    record("neg", out, std::array{x}, std::array<Tensor, 0>{},
           [](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
             grad_inputs[0] = unary_raw(UnaryOp::Neg, grads[0]);
           });
  }
  return out;
}

Tensor lerp(const Tensor& a, const Tensor& b, const Scalar& weight) {
  check_inexact_alike(a, b, "lerp");
  NW_CHECK(!weight.is_complex() || is_complex(a.dtype()), "[lerp] cannot weigh ", name(a.dtype()),
           " by ", to_string(weight));
  // From the nearer end, so that a weight of 1 gives b itself.
  const double distance = weight.is_complex() ? std::abs(weight.to_complex()) : weight.to_double();
  if (distance < 0.5) return add(a, mul(sub(b, a), weight));
  const Scalar rest =
      weight.is_complex() ? Scalar(1.0 - weight.to_complex()) : Scalar(1.0 - weight.to_double());
  return sub(b, mul(sub(b, a), rest));
}

Tensor lerp(const Tensor& a, const Tensor& b, const Tensor& weight) {
  check_inexact_alike(a, b, "lerp");
  check_inexact_alike(a, weight, "lerp");
  return add(a, mul(sub(b, a), weight));
}

Tensor addcmul(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value) {
  if (const auto cast = autocast::run(autocast::kWidestOnGpu, addcmul, x, a, b, value))
    return *cast;
  const DType common = result_type(x, a, b);
  NW_CHECK(common != DType::Bool, "[addcmul] expects numbers, gets bool");
  check_fits(value, common, "addcmul");
  const Scalar factor = is_whole(common) ? Scalar(value.to_int64()) : value;
  return add(to(x, common), mul(mul(to(a, common), to(b, common)), factor));
}

Tensor addcdiv(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value) {
  if (const auto cast = autocast::run(autocast::kWidestOnGpu, addcdiv, x, a, b, value))
    return *cast;
  const DType common = result_type(x, a, b);
  NW_CHECK(is_floating(common) || is_complex(common),
           "[addcdiv] expects floating-point or complex numbers, gets ", name(common));
  check_fits(value, common, "addcdiv");
  return add(to(x, common), mul(div(to(a, common), to(b, common)), value));
}

}  // namespace nw::ops

namespace nw {

Tensor operator+(const Tensor& a, const Tensor& b) {
  return ops::add(a, b);
}
Tensor operator-(const Tensor& a, const Tensor& b) {
  return ops::sub(a, b);
}
Tensor operator*(const Tensor& a, const Tensor& b) {
  return ops::mul(a, b);
}
Tensor operator/(const Tensor& a, const Tensor& b) {
  return ops::div(a, b);
}
Tensor operator-(const Tensor& x) {
  return ops::neg(x);
}
Tensor operator+(const Tensor& a, const Scalar& b) {
  return ops::add(a, b);
}
Tensor operator-(const Tensor& a, const Scalar& b) {
  return ops::sub(a, b);
}
Tensor operator*(const Tensor& a, const Scalar& b) {
  return ops::mul(a, b);
}
Tensor operator/(const Tensor& a, const Scalar& b) {
  return ops::div(a, b);
}
Tensor operator+(const Scalar& a, const Tensor& b) {
  return ops::add(b, a);
}
Tensor operator-(const Scalar& a, const Tensor& b) {
  return ops::sub(a, b);
}
Tensor operator*(const Scalar& a, const Tensor& b) {
  return ops::mul(b, a);
}
Tensor operator/(const Scalar& a, const Tensor& b) {
  return ops::div(a, b);
}

}  // namespace nw
