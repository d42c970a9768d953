#include "core/ops/arithmetic.h"

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

/// a ∘ b without history; broadcasts.
Tensor apply(BinaryOp op, const Tensor& a, const Tensor& b, std::string_view name) {
  if (a.sizes() == b.sizes()) {
    const Tensor out = new_result(a.sizes(), a);
    kernels_of(a).binary(op, a, b, out);
    return out;
  }
  const Dims sizes = broadcast(a.sizes(), b.sizes(), name);
  const Tensor out = new_result(sizes, a);
  kernels_of(a).binary(op, raw::expand(a, sizes), raw::expand(b, sizes), out);
  return out;
}

Tensor scaled(const Tensor& x, double scale, double shift = 0) {
  const Tensor out = new_result(x.sizes(), x);
  kernels_of(x).affine(x, scale, shift, out);
  return out;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  check_alike(a, b, "add");
  const Tensor out = apply(BinaryOp::Add, a, b, "add");
  if (needs_record(a, b)) {
    record("add", out, std::array{a, b}, std::array<Tensor, 0>{},
           [a_sizes = a.sizes(), b_sizes = b.sizes()](const Node& node, const Tensors& grads,
                                                      Tensors& grad_inputs, const auto&) {
             if (node.needs_grad(0)) grad_inputs[0] = sum_to(grads[0], a_sizes);
             if (node.needs_grad(1)) grad_inputs[1] = sum_to(grads[0], b_sizes);
           });
  }
  return out;
}

Tensor sub(const Tensor& a, const Tensor& b) {
  check_alike(a, b, "sub");
  const Tensor out = apply(BinaryOp::Sub, a, b, "sub");
  if (needs_record(a, b)) {
    record("sub", out, std::array{a, b}, std::array<Tensor, 0>{},
           [a_sizes = a.sizes(), b_sizes = b.sizes()](const Node& node, const Tensors& grads,
                                                      Tensors& grad_inputs, const auto&) {
             if (node.needs_grad(0)) grad_inputs[0] = sum_to(grads[0], a_sizes);
             if (node.needs_grad(1)) grad_inputs[1] = scaled(sum_to(grads[0], b_sizes), -1);
           });
  }
  return out;
}

Tensor mul(const Tensor& a, const Tensor& b) {
  check_alike(a, b, "mul");
  const Tensor out = apply(BinaryOp::Mul, a, b, "mul");
  if (needs_record(a, b)) {
    record("mul", out, std::array{a, b}, std::array{a, b},
           [](const Node& node, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             for (size_t i = 0; i < 2; ++i) {
               if (!node.needs_grad(i)) continue;
               const Tensor product = apply(BinaryOp::Mul, grads[0], saved[1 - i], "mul");
               grad_inputs[i] = sum_to(product, saved[i].sizes());
             }
           });
  }
  return out;
}

Tensor div(const Tensor& a, const Tensor& b) {
  check_alike(a, b, "div");
  const Tensor out = apply(BinaryOp::Div, a, b, "div");
  if (needs_record(a, b)) {
    record("div", out, std::array{a, b}, std::array{b, out},
           [a_sizes = a.sizes()](const Node& node, const Tensors& grads, Tensors& grad_inputs,
                                 const auto& saved) {
             const Tensor& divisor = saved[0];
             const Tensor grad_a = apply(BinaryOp::Div, grads[0], divisor, "div");
             if (node.needs_grad(0)) grad_inputs[0] = sum_to(grad_a, a_sizes);
             if (!node.needs_grad(1)) return;
             // d(a/b)/db = −(a/b)/b
             const Tensor product = apply(BinaryOp::Mul, grad_a, saved[1], "div");
             grad_inputs[1] = scaled(sum_to(product, divisor.sizes()), -1);
           });
  }
  return out;
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
  return affine(x, -1, 0);
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
Tensor operator*(const Tensor& x, double scale) {
  return ops::affine(x, scale, 0);
}
Tensor operator*(double scale, const Tensor& x) {
  return ops::affine(x, scale, 0);
}
Tensor operator/(const Tensor& x, double divisor) {
  return ops::affine(x, 1 / divisor, 0);
}
Tensor operator+(const Tensor& x, double shift) {
  return ops::affine(x, 1, shift);
}
Tensor operator-(const Tensor& x, double shift) {
  return ops::affine(x, 1, -shift);
}

}  // namespace nw
