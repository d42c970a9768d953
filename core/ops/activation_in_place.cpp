#include "core/autograd/in_place.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/activation.h"
#include "core/ops/activation_parts.h"
#include "core/ops/arithmetic.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/elements.h"
#include "core/ops/in_place.h"

namespace nw::ops {
namespace {

/// Lets `function` write over the numbers of a dense tensor, and these are then x's.
template <typename Function>
void overwrite(const Tensor& x, const Function& function) {
  if (is_dense_in_some_order(x)) return function(x);
  const Tensor dense = raw::contiguous(x);
  function(dense);
  kernels_of(x).copy(dense, x);
}

/// Whether the slope at x can be told from f(x).
bool tells_slope(ActivationKind kind) {
  return kind == ActivationKind::Elu || kind == ActivationKind::LeakyRelu ||
         kind == ActivationKind::Hardtanh;
}

/// grad · f'(x) from y = f(x), which below 0 is a·(e^(c·x) − 1) and above it b·x.
Tensor elu_gradient(const Activation& f, const Tensor& grad, const Tensor& y) {
  const DType wide = is_half(y.dtype()) ? DType::Float32 : y.dtype();
  const Tensor at = raw::to(y, wide);
  const Tensor above = raw::to(grad, wide);
  const Tensor below = mul(above, mul(add(at, f.a), f.c));
  return raw::to(where(le(at, 0), below, mul(above, f.b)), y.dtype());
}

Tensor gradient_by_result(const Activation& f, const Tensor& grad, const Tensor& y,
                          std::string_view name) {
  const bool bends = f.kind != ActivationKind::Hardtanh;
  NW_CHECK(!bends || f.a >= 0, "[", name,
           "] backward is not supported in place with a negative slope or alpha; use "
           "inplace=False");
  return f.kind == ActivationKind::Elu ? elu_gradient(f, grad, y) : activation_gradient(f, grad, y);
}

/// x = f(x) by a kernel of its own.
Tensor activate_(const Tensor& x, const ElementOp& op, std::string_view name) {
  const bool recording = autograd::needs_record(x);
  autograd::check_in_place(name, x, recording);
  const bool by_result = tells_slope(op.f.kind);
  const Tensor before = recording && !by_result ? raw::clone(x) : Tensor();
  overwrite(x, [&](const Tensor& dense) {
    kernels_of(x).activation->forward(op.f, row_of(dense), row_of(dense));
  });
  if (!recording) {
    x.storage()->bump_version();
    return x;
  }
  autograd::record_in_place(name, std::array{x}, std::array{by_result ? x : before},
                            [slope = op.slope, name, by_result](
                                const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                                const std::array<Tensor, 1>& saved) {
                              grad_inputs[0] =
                                  by_result ? gradient_by_result(slope, grads[0], saved[0], name)
                                            : activation_gradient(slope, grads[0], saved[0]);
                            });
  return x;
}

/// The same for floating-point numbers; others become what `other` makes of them. `name` is a
/// literal.
template <typename Other>
Tensor activate_(const Tensor& x, const ElementOp& op, std::string_view name, const Other& other) {
  if (x.defined() && !is_floating(x.dtype())) return apply_(name, x, {}, other);
  check_floating(x, name);
  return activate_(x, op, name);
}

}  // namespace

Tensor relu_(const Tensor& x) {
  if (x.defined() && !is_floating(x.dtype())) return apply_("ReLU", x, {}, relu);
  check_floating(x, "ReLU");
  const bool recording = autograd::needs_record(x);
  autograd::check_in_place("ReLU", x, recording);
  overwrite(x, [&](const Tensor& dense) { kernels_of(x).unary(UnaryOp::Relu, dense, dense); });
  if (!recording) {
    x.storage()->bump_version();
    return x;
  }
  autograd::record_in_place("ReLU", std::array{x}, std::array{x},
                            [](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                               const std::array<Tensor, 1>& saved) {
                              const Tensor grad_x = new_alike(saved[0], saved[0].dtype());
                              kernels_of(grad_x).binary(BinaryOp::ReluGrad, grads[0], saved[0],
                                                        grad_x);
                              grad_inputs[0] = grad_x;
                            });
  return x;
}

Tensor elu_(const Tensor& x, double alpha, double scale, double input_scale) {
  return activate_(x, elements::elu(alpha, scale, input_scale), "ELU",
                   [&](const Tensor& old) { return elu(old, alpha, scale, input_scale); });
}

Tensor selu_(const Tensor& x) {
  return activate_(x, elements::kSelu, "SELU", selu);
}

Tensor celu_(const Tensor& x, double alpha) {
  check_floating(x, "CELU");
  return activate_(x, elements::celu(alpha), "CELU");
}

Tensor leaky_relu_(const Tensor& x, double slope) {
  return activate_(x, elements::leaky_relu(slope), "LeakyReLU",
                   [&](const Tensor& old) { return leaky_relu(old, slope); });
}

Tensor threshold_(const Tensor& x, double limit, double value) {
  return activate_(x, elements::threshold(limit, value, x.defined() ? x.dtype() : DType::Float32),
                   "Threshold", [&](const Tensor& old) { return threshold(old, limit, value); });
}

Tensor silu_(const Tensor& x) {
  return activate_(x, elements::kSilu, "SiLU", silu);
}

Tensor mish_(const Tensor& x) {
  return activate_(x, elements::kMish, "Mish", mish);
}

Tensor hardtanh_(const Tensor& x, double least, double most) {
  return activate_(x, elements::hardtanh(least, most), "Hardtanh",
                   [&](const Tensor& old) { return hardtanh(old, least, most); });
}

Tensor relu6_(const Tensor& x) {
  return activate_(x, elements::kRelu6, "ReLU6", relu6);
}

Tensor hardsigmoid_(const Tensor& x) {
  return activate_(x, elements::kHardsigmoid, "Hardsigmoid", hardsigmoid);
}

Tensor hardswish_(const Tensor& x) {
  return activate_(x, elements::kHardswish, "Hardswish", hardswish);
}

}  // namespace nw::ops
