#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/broadcast.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/promotion.h"

// What chooses between numbers: where, maximum and minimum, clamp.

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

/// The gradient where `chosen` holds, 0 elsewhere, for an operand of `sizes`.
Tensor part_of(const Tensor& grad, const Tensor& chosen, const Dims& sizes) {
  return sum_to(where(chosen, grad, 0), sizes);
}

Tensor where_alike(const Tensor& condition, const Tensor& a, const Tensor& b) {
  NW_CHECK(condition.dtype() == DType::Bool, "[where] expects a condition of bool, gets ",
           name(condition.dtype()));
  check_device(condition, a, "where");
  check_device(a, b, "where");
  const Dims sizes =
      broadcast(broadcast(condition.sizes(), a.sizes(), "where"), b.sizes(), "where");
  const Tensor& like = a.sizes() == sizes ? a : b;
  const Tensor out =
      like.sizes() == sizes ? new_alike(like, a.dtype()) : empty(sizes, a.dtype(), a.device());
  kernels_of(a).where(raw::expand(condition, sizes), raw::expand(a, sizes), raw::expand(b, sizes),
                      out);
  if (needs_record(a, b)) {
    record("where", out, std::array{a, b}, std::array{condition},
           [a_sizes = a.sizes(), b_sizes = b.sizes()](const Node& node, const Tensors& grads,
                                                      Tensors& grad_inputs, const auto& saved) {
             if (node.needs_grad(0)) grad_inputs[0] = part_of(grads[0], saved[0], a_sizes);
             if (node.needs_grad(1)) {
               grad_inputs[1] = part_of(grads[0], logical_not(saved[0]), b_sizes);
             }
           });
  }
  return out;
}

Tensor plain(const Scalar& value, DType dtype, const Tensor& like) {
  return full(Dims{}, value, dtype, like.device());
}

void check_ordered(DType dtype, std::string_view op) {
  NW_CHECK(!is_complex(dtype), "[", op, "] expects numbers with an order, gets ", name(dtype));
}

/// The larger or smaller of two, as `wins` (Gt or Lt) says.
Tensor extreme_of(BinaryOp op, BinaryOp wins, const Tensor& given_a, const Tensor& given_b,
                  std::string_view name) {
  const DType common = result_type(given_a, given_b);
  check_ordered(common, name);
  const Tensor a = to(given_a, common);
  const Tensor b = to(given_b, common);
  const Tensor out = binary_raw(op, a, b, name);
  if (needs_record(a, b)) {
    record(name, out, std::array{a, b}, std::array{a, b},
           [wins](const Node& node, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             const Tensor ties = eq(saved[0], saved[1]);
             const Tensor shared = where(ties, mul(grads[0], 0.5), grads[0]);
             for (size_t i = 0; i < 2; ++i) {
               if (!node.needs_grad(i)) continue;
               // Where the other one wins there is no gradient; NaN wins over nobody, so both have.
               const Tensor lost = binary_raw(wins, saved[1 - i], saved[i], "maximum", DType::Bool);
               grad_inputs[i] = sum_to(where(lost, 0, shared), saved[i].sizes());
             }
           });
  }
  return out;
}

/// The same, ignoring NaN.
Tensor number_of(BinaryOp op, BinaryOp keeps, const Tensor& given_a, const Tensor& given_b,
                 std::string_view name) {
  const DType common = result_type(given_a, given_b);
  check_ordered(common, name);
  const Tensor a = to(given_a, common);
  const Tensor b = to(given_b, common);
  const Tensor out = binary_raw(op, a, b, name);
  if (needs_record(a, b)) {
    record(
        name, out, std::array{a, b}, std::array{a, b},
        [keeps](const Node& node, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
          const Tensor first = logical_or(
              binary_raw(keeps, saved[0], saved[1], "fmax", DType::Bool), isnan(saved[1]));
          if (node.needs_grad(0)) {
            grad_inputs[0] = part_of(grads[0], first, saved[0].sizes());
          }
          if (node.needs_grad(1)) {
            grad_inputs[1] = part_of(grads[0], logical_not(first), saved[1].sizes());
          }
        });
  }
  return out;
}

void check_clampable(DType dtype) {
  check_ordered(dtype, "clamp");
  NW_CHECK(dtype != DType::Bool, "[clamp] expects numbers, gets bool");
}

Tensor held(const Tensor& x, const Tensor& least, const Tensor& most) {
  Tensor out = x;
  if (least.defined()) out = binary_raw(BinaryOp::Maximum, out, least, "clamp");
  if (most.defined()) out = binary_raw(BinaryOp::Minimum, out, most, "clamp");
  return out;
}

/// Where x lies on or between the bounds.
Tensor is_inside(const Tensor& x, const Tensor& least, const Tensor& most) {
  if (!most.defined()) return ge(x, least);
  if (!least.defined()) return le(x, most);
  return logical_and(ge(x, least), le(x, most));
}

Tensor is_below(const Tensor& x, const Tensor& least, const Tensor& most) {
  const Tensor below = lt(x, least);
  return most.defined() ? logical_and(below, lt(least, most)) : below;
}

Tensor is_above(const Tensor& x, const Tensor& least, const Tensor& most) {
  const Tensor above = gt(x, most);
  return least.defined() ? logical_or(above, lt(most, least)) : above;
}

}  // namespace

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  const DType common = result_type(a, b);
  return where_alike(condition, to(a, common), to(b, common));
}
Tensor where(const Tensor& condition, const Tensor& a, const Scalar& b) {
  const DType common = result_type(a, b);
  return where_alike(condition, to(a, common), plain(b, common, a));
}
Tensor where(const Tensor& condition, const Scalar& a, const Tensor& b) {
  const DType common = result_type(b, a);
  return where_alike(condition, plain(a, common, b), to(b, common));
}

Tensor maximum(const Tensor& a, const Tensor& b) {
  return extreme_of(BinaryOp::Maximum, BinaryOp::Gt, a, b, "maximum");
}
Tensor minimum(const Tensor& a, const Tensor& b) {
  return extreme_of(BinaryOp::Minimum, BinaryOp::Lt, a, b, "minimum");
}
Tensor fmax(const Tensor& a, const Tensor& b) {
  return number_of(BinaryOp::Fmax, BinaryOp::Ge, a, b, "fmax");
}
Tensor fmin(const Tensor& a, const Tensor& b) {
  return number_of(BinaryOp::Fmin, BinaryOp::Le, a, b, "fmin");
}

Tensor clamp(const Tensor& given, const std::optional<Scalar>& least,
             const std::optional<Scalar>& most) {
  NW_CHECK(least || most, "[clamp] expects at least one bound");
  const DType common = result_type(given, least ? *least : *most, most ? *most : *least);
  check_clampable(common);
  const Tensor x = to(given, common);
  const Tensor low = least ? operand(*least, common, x) : Tensor();
  const Tensor high = most ? operand(*most, common, x) : Tensor();
  const Tensor out = held(x, low, high);
  if (needs_record(x)) {
    record(
        "clamp", out, std::array{x}, std::array{x},
        [least, most](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
          Tensor inside = least ? ge(saved[0], *least) : le(saved[0], *most);
          if (least && most) inside = logical_and(inside, le(saved[0], *most));
          grad_inputs[0] = where(inside, grads[0], 0);
        });
  }
  return out;
}

Tensor clamp(const Tensor& given, const Tensor& least, const Tensor& most) {
  NW_CHECK(least.defined() || most.defined(), "[clamp] expects at least one bound");
  const DType common = least.defined() ? result_type(given, least, most) : result_type(given, most);
  check_clampable(common);
  const Tensor x = to(given, common);
  const Tensor low = least.defined() ? to(least, common) : least;
  const Tensor high = most.defined() ? to(most, common) : most;
  const Tensor out = held(x, low, high);
  if (needs_record(x, low, high)) {
    record("clamp", out, std::array{x, low, high}, std::array{x, low, high},
           [](const Node& node, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             const auto& [value, floor, ceiling] = saved;
             const auto share = [&](size_t i, const Tensor& chosen) {
               if (node.needs_grad(i)) {
                 grad_inputs[i] = part_of(grads[0], chosen, saved[i].sizes());
               }
             };
             if (node.needs_grad(0)) share(0, is_inside(value, floor, ceiling));
             if (node.needs_grad(1)) share(1, is_below(value, floor, ceiling));
             if (node.needs_grad(2)) share(2, is_above(value, floor, ceiling));
           });
  }
  return out;
}

}  // namespace nw::ops
