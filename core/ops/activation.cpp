#include "core/ops/activation.h"

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

/// y = f(x) whose derivative is a function of y; `name` is a literal.
Tensor activate(const Tensor& x, UnaryOp forward, BinaryOp backward, std::string_view name) {
  check_floating(x, name);
  const Tensor y = new_result(x.sizes(), x);
  kernels_of(x).unary(forward, x, y);
  if (autograd::needs_record(x)) {
    autograd::record(name, y, std::array{x}, std::array{y},
                     [backward](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                                const std::array<Tensor, 1>& saved) {
                       const Tensor grad_x = new_result(saved[0].sizes(), saved[0]);
                       kernels_of(grad_x).binary(backward, grads[0], saved[0], grad_x);
                       grad_inputs[0] = grad_x;
                     });
  }
  return y;
}

}  // namespace

Tensor relu(const Tensor& x) {
  return activate(x, UnaryOp::Relu, BinaryOp::ReluGrad, "ReLU");
}

Tensor tanh(const Tensor& x) {
  return activate(x, UnaryOp::Tanh, BinaryOp::TanhGrad, "Tanh");
}

Tensor sigmoid(const Tensor& x) {
  return activate(x, UnaryOp::Sigmoid, BinaryOp::SigmoidGrad, "Sigmoid");
}

}  // namespace nw::ops
