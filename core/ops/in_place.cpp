#include "core/ops/in_place.h"

#include "core/autograd/in_place.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/elementwise.h"
#include "core/ops/promotion.h"
#include "core/ops/shape.h"

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;

bool has_gradients(const Tensor& x) {
  return is_floating(x.dtype()) || is_complex(x.dtype());
}

}  // namespace

Tensor copy_(const Tensor& x, const Tensor& source) {
  const bool recording = has_gradients(x) && needs_record(x, source);
  autograd::check_in_place("copy_", x, recording);
  NW_CHECK(broadcast(x.sizes(), source.sizes(), "copy_") == x.sizes(), "[copy_] cannot write ",
           to_string(source.sizes()), " into ", to_string(x.sizes()));
  const bool overlaps = source.storage().get() == x.storage().get();
  const Tensor from = overlaps ? raw::clone(source) : source;
  raw::copy_(x, from);
  if (!recording) return x;
  autograd::record_in_place(
      "copy_", std::array{x, source}, std::array<Tensor, 0>{},
      [sizes = source.sizes(), dtype = source.dtype()](const Node& node, const Tensors& grads,
                                                       Tensors& grad_inputs, const auto&) {
        if (node.needs_grad(0)) {
          grad_inputs[0] = zeros(grads[0].sizes(), grads[0].dtype(), grads[0].device());
        }
        if (node.needs_grad(1)) grad_inputs[1] = raw::to(sum_to(grads[0], sizes), dtype);
      });
  return x;
}

Tensor fill_(const Tensor& x, const Scalar& value) {
  const bool recording = has_gradients(x) && needs_record(x);
  autograd::check_in_place("fill_", x, recording);
  check_fits(value, x.dtype(), "fill_");
  raw::fill_(x, value);
  if (!recording) return x;
  autograd::record_in_place(
      "fill_", std::array{x}, std::array<Tensor, 0>{},
      [](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
        grad_inputs[0] = zeros(grads[0].sizes(), grads[0].dtype(), grads[0].device());
      });
  return x;
}

Tensor zero_(const Tensor& x) {
  return fill_(x, 0);
}

Tensor apply_(std::string_view name, const Tensor& x, std::initializer_list<Tensor> others,
              const std::function<Tensor(const Tensor&)>& function) {
  bool recording = needs_record(x);
  for (const Tensor& other : others) recording = recording || needs_record(other);
  recording = recording && has_gradients(x);
  autograd::check_in_place(name, x, recording);
  // What backward needs of the old numbers must outlive them.
  const Tensor result = function(recording ? clone(x) : x);
  NW_CHECK(can_cast(result.dtype(), x.dtype()), "[", name, "] cannot store ",
           nw::name(result.dtype()), " results in ", nw::name(x.dtype()));
  NW_CHECK(result.sizes() == x.sizes(), "[", name, "] cannot store a result of ",
           to_string(result.sizes()), " in ", to_string(x.sizes()));
  return copy_(x, result);
}

Tensor add_(const Tensor& x, const Tensor& other) {
  return apply_("add_", x, {other}, [&](const Tensor& old) { return add(old, other); });
}
Tensor add_(const Tensor& x, const Scalar& other) {
  return apply_("add_", x, {}, [&](const Tensor& old) { return add(old, other); });
}
Tensor sub_(const Tensor& x, const Tensor& other) {
  return apply_("sub_", x, {other}, [&](const Tensor& old) { return sub(old, other); });
}
Tensor sub_(const Tensor& x, const Scalar& other) {
  return apply_("sub_", x, {}, [&](const Tensor& old) { return sub(old, other); });
}
Tensor mul_(const Tensor& x, const Tensor& other) {
  return apply_("mul_", x, {other}, [&](const Tensor& old) { return mul(old, other); });
}
Tensor mul_(const Tensor& x, const Scalar& other) {
  return apply_("mul_", x, {}, [&](const Tensor& old) { return mul(old, other); });
}
Tensor div_(const Tensor& x, const Tensor& other) {
  return apply_("div_", x, {other}, [&](const Tensor& old) { return div(old, other); });
}
Tensor div_(const Tensor& x, const Scalar& other) {
  return apply_("div_", x, {}, [&](const Tensor& old) { return div(old, other); });
}
Tensor pow_(const Tensor& x, const Scalar& exponent) {
  return apply_("pow_", x, {}, [&](const Tensor& old) { return pow(old, exponent); });
}
Tensor neg_(const Tensor& x) {
  return apply_("neg_", x, {}, [](const Tensor& old) { return neg(old); });
}
Tensor exp_(const Tensor& x) {
  return apply_("exp_", x, {}, [](const Tensor& old) { return exp(old); });
}
Tensor sqrt_(const Tensor& x) {
  return apply_("sqrt_", x, {}, [](const Tensor& old) { return sqrt(old); });
}
Tensor abs_(const Tensor& x) {
  NW_CHECK(!is_complex(x.dtype()), "[abs_] cannot store real results in ", name(x.dtype()));
  return apply_("abs_", x, {}, [](const Tensor& old) { return abs(old); });
}
Tensor clamp_(const Tensor& x, const std::optional<Scalar>& least,
              const std::optional<Scalar>& most) {
  return apply_("clamp_", x, {}, [&](const Tensor& old) { return clamp(old, least, most); });
}

Tensor addcmul_(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value) {
  return apply_("addcmul_", x, {a, b},
                [&](const Tensor& old) { return addcmul(old, a, b, value); });
}
Tensor addcdiv_(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value) {
  return apply_("addcdiv_", x, {a, b},
                [&](const Tensor& old) { return addcdiv(old, a, b, value); });
}
Tensor lerp_(const Tensor& x, const Tensor& other, const Scalar& weight) {
  return apply_("lerp_", x, {other}, [&](const Tensor& old) { return lerp(old, other, weight); });
}

}  // namespace nw::ops
