#include "core/autograd/kept.h"
#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/broadcast.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/elementwise.h"
#include "core/ops/promotion.h"

// What divides with a rest, powers and angles.

namespace nw::ops {
namespace {

using autograd::kept_for;
using autograd::needs_record;
using autograd::Node;
using autograd::record;

void check_ordered(DType dtype, std::string_view op) {
  NW_CHECK(is_floating(dtype) || is_whole(dtype), "[", op, "] expects real or whole numbers, gets ",
           name(dtype));
}

/// A plain number as a tensor for `a ∘ b` in their common dtype.
Tensor beside(const Scalar& value, const Tensor& other) {
  return operand(value, result_type(other, value), other);
}

Tensor floor_divide_alike(const Tensor& a, const Tensor& b) {
  check_ordered(a.dtype(), "floor_divide");
  return binary_raw(BinaryOp::FloorDivide, a, b, "floor_divide");
}

/// a − b·q with q = ⌊a / b⌋ or the quotient towards 0.
Tensor rest_alike(BinaryOp op, const Tensor& a, const Tensor& b, std::string_view name) {
  check_ordered(a.dtype(), name);
  const Tensor out = binary_raw(op, a, b, name);
  if (needs_record(a, b)) {
    record(name, out, std::array{a, b}, std::array{kept_for(b, a), kept_for(b, b)},
           [op, a_sizes = a.sizes()](const Node& node, const Tensors& grads, Tensors& grad_inputs,
                                     const auto& saved) {
             const auto& [dividend, divisor] = saved;
             if (node.needs_grad(0)) grad_inputs[0] = sum_to(grads[0], a_sizes);
             if (!node.needs_grad(1)) return;
             const Tensor quotient = op == BinaryOp::Remainder
                                         ? floor_divide_alike(dividend, divisor)
                                         : trunc(div(dividend, divisor));
             grad_inputs[1] = sum_to(neg(mul(grads[0], quotient)), divisor.sizes());
           });
  }
  return out;
}

/// d aᵇ/da = b·aᵇ⁻¹, 0 where b is 0.
Tensor pow_grad_base(const Tensor& grad, const Tensor& base, const Tensor& exponent) {
  const Tensor slope = mul(exponent, pow(base, sub(exponent, 1)));
  return where(eq(exponent, 0), 0, mul(grad, conj(slope)));
}

/// d aᵇ/db = aᵇ·ln a, 0 where a is 0 and b is not negative.
Tensor pow_grad_exponent(const Tensor& grad, const Tensor& base, const Tensor& exponent,
                         const Tensor& power) {
  const Tensor not_negative = is_complex(exponent.dtype())
                                  ? logical_and(eq(imag(exponent), 0), ge(real(exponent), 0))
                                  : ge(exponent, 0);
  const Tensor flat = logical_and(eq(base, 0), not_negative);
  return where(flat, 0, mul(grad, conj(mul(power, log(base)))));
}

Tensor pow_alike(const Tensor& a, const Tensor& b) {
  NW_CHECK(a.dtype() != DType::Bool, "[pow] has no powers of bool");
  const Tensor out = binary_raw(BinaryOp::Pow, a, b, "pow");
  if (needs_record(a, b)) {
    record("pow", out, std::array{a, b}, std::array{a, b, kept_for(b, out)},
           [](const Node& node, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             const auto& [base, exponent, power] = saved;
             if (node.needs_grad(0)) {
               grad_inputs[0] = sum_to(pow_grad_base(grads[0], base, exponent), base.sizes());
             }
             if (node.needs_grad(1)) {
               grad_inputs[1] =
                   sum_to(pow_grad_exponent(grads[0], base, exponent, power), exponent.sizes());
             }
           });
  }
  return out;
}

/// aᵇ for the exponents that have a faster or more exact way.
Tensor simple_power(const Tensor& a, double exponent) {
  if (exponent == 2) return square(a);
  if (exponent == 0.5) return sqrt(a);
  if (exponent == -1) return reciprocal(a);
  return {};
}

}  // namespace

Tensor floor_divide(const Tensor& a, const Tensor& b) {
  const DType common = result_type(a, b);
  return floor_divide_alike(to(a, common), to(b, common));
}
Tensor floor_divide(const Tensor& a, const Scalar& b) {
  return floor_divide(a, beside(b, a));
}
Tensor floor_divide(const Scalar& a, const Tensor& b) {
  return floor_divide(beside(a, b), b);
}

Tensor remainder(const Tensor& a, const Tensor& b) {
  const DType common = result_type(a, b);
  return rest_alike(BinaryOp::Remainder, to(a, common), to(b, common), "remainder");
}
Tensor remainder(const Tensor& a, const Scalar& b) {
  return remainder(a, beside(b, a));
}
Tensor remainder(const Scalar& a, const Tensor& b) {
  return remainder(beside(a, b), b);
}

Tensor fmod(const Tensor& a, const Tensor& b) {
  const DType common = result_type(a, b);
  return rest_alike(BinaryOp::Fmod, to(a, common), to(b, common), "fmod");
}
Tensor fmod(const Tensor& a, const Scalar& b) {
  return fmod(a, beside(b, a));
}

Tensor pow(const Tensor& a, const Tensor& b) {
  if (const auto cast = autocast::run(
          autocast::kFloat32OnGpu, [](const auto&... all) { return pow(all...); }, a, b))
    return *cast;
  const DType common = result_type(a, b);
  return pow_alike(to(a, common), to(b, common));
}
Tensor pow(const Tensor& a, const Scalar& b) {
  if (const auto cast = autocast::run(
          autocast::kFloat32OnGpu, [](const auto&... all) { return pow(all...); }, a, b))
    return *cast;
  const DType common = result_type(a, b);
  NW_CHECK(!is_whole(common) || b.to_int64() >= 0,
           "[pow] whole numbers have no negative powers: ", to_string(b));
  if (is_whole(common) || is_half(common)) check_fits(b, common, "pow");
  const bool inexact = is_floating(common) || is_complex(common);
  if (inexact && !b.is_complex()) {
    if (const Tensor y = simple_power(to(a, common), b.to_double()); y.defined()) return y;
  }
  return pow(a, beside(b, a));
}
Tensor pow(const Scalar& a, const Tensor& b) {
  if (const auto cast = autocast::run(
          autocast::kFloat32OnGpu, [](const auto&... all) { return pow(all...); }, a, b))
    return *cast;
  return pow(beside(a, b), b);
}

Tensor atan2(const Tensor& given_a, const Tensor& given_b) {
  if (const auto cast = autocast::run(autocast::kWidestOnGpu, atan2, given_a, given_b))
    return *cast;
  const DType common = result_type(given_a, given_b);
  NW_CHECK(!is_complex(common), "[atan2] expects real numbers, gets ", name(common));
  const DType real = is_floating(common) ? common : DType::Float32;
  const Tensor a = to(given_a, real);
  const Tensor b = to(given_b, real);
  const Tensor out = binary_raw(BinaryOp::Atan2, a, b, "atan2");
  if (needs_record(a, b)) {
    record("atan2", out, std::array{a, b}, std::array{a, b},
           [](const Node& node, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             const auto& [y, x] = saved;
             const Tensor scaled = div(grads[0], add(square(y), square(x)));
             if (node.needs_grad(0)) grad_inputs[0] = sum_to(mul(scaled, x), y.sizes());
             if (node.needs_grad(1)) grad_inputs[1] = sum_to(neg(mul(scaled, y)), x.sizes());
           });
  }
  return out;
}

}  // namespace nw::ops
