#include "core/ops/activation.h"

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/activation_exact.h"
#include "core/ops/activation_parts.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/elements.h"
#include "core/ops/promotion.h"
#include "core/ops/slice.h"

namespace nw::ops {
namespace {

/// y = f(x) whose derivative is a function of y; `name` is a literal.
Tensor activate(const Tensor& x, UnaryOp forward, BinaryOp backward, std::string_view name) {
  const Tensor y = new_alike(x, x.dtype());
  kernels_of(x).unary(forward, x, y);
  if (autograd::needs_record(x)) {
    autograd::record(name, y, std::array{x}, std::array{y},
                     [backward](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                                const std::array<Tensor, 1>& saved) {
                       const Tensor grad_x = new_alike(saved[0], saved[0].dtype());
                       kernels_of(grad_x).binary(backward, grads[0], saved[0], grad_x);
                       grad_inputs[0] = grad_x;
                     });
  }
  return y;
}

/// `x` if it lies in memory as `like` does, else such a copy.
Tensor laid_out_as(const Tensor& like, const Tensor& x) {
  if (x.strides() == like.strides()) return x;
  const Tensor copy = new_alike(like, like.dtype());
  raw::copy_(copy, x);
  return copy;
}

/// y = f(x) by a kernel of its own.
Tensor activate(const Tensor& x, const ElementOp& op, std::string_view name) {
  check_floating(x, name);
  const Tensor dense = is_dense_in_some_order(x) ? x : raw::contiguous(x);
  const Tensor y = new_alike(dense, x.dtype());
  kernels_of(x).activation->forward(op.f, row_of(dense), row_of(y));
  if (autograd::needs_record(x)) {
    autograd::record(name, y, std::array{x}, std::array{dense.is_same(x) ? x : dense},
                     [slope = op.slope](const autograd::Node&, const Tensors& grads,
                                        Tensors& grad_inputs, const std::array<Tensor, 1>& saved) {
                       grad_inputs[0] = activation_gradient(slope, grads[0], saved[0]);
                     });
  }
  return y;
}

/// What the makers of elements ask; the check of a tensor that is not there comes behind them.
DType dtype_of(const Tensor& x) {
  return x.defined() ? x.dtype() : DType::Float32;
}

}  // namespace

Tensor row_of(const Tensor& dense) {
  return dense.as_strided(Dims{dense.numel()}, Dims{1}, dense.offset());
}

Tensor activation_gradient(const Activation& f, const Tensor& grad, const Tensor& at) {
  const Tensor grad_x = new_alike(at, at.dtype());
  const Tensor grad_there = laid_out_as(grad_x, grad);
  const Tensor at_there = laid_out_as(grad_x, at);
  kernels_of(grad_x).activation->backward(f, row_of(grad_there), row_of(at_there), row_of(grad_x));
  return grad_x;
}

Tensor relu(const Tensor& x) {
  if (is_whole(x)) return clamp(x, Scalar(int64_t{0}), std::nullopt);
  check_floating(x, "ReLU");
  return activate(x, UnaryOp::Relu, BinaryOp::ReluGrad, "ReLU");
}

Tensor tanh(const Tensor& given) {
  const Tensor x = given.defined() ? to_inexact(given) : given;
  check_inexact(x, "Tanh");
  return activate(x, UnaryOp::Tanh, BinaryOp::TanhGrad, "Tanh");
}

Tensor sigmoid(const Tensor& given) {
  const Tensor x = given.defined() ? to_inexact(given) : given;
  check_inexact(x, "Sigmoid");
  return activate(x, UnaryOp::Sigmoid, BinaryOp::SigmoidGrad, "Sigmoid");
}

Tensor elu(const Tensor& x, double alpha, double scale, double input_scale) {
  return activate(x, elements::elu(alpha, scale, input_scale), "ELU");
}

Tensor selu(const Tensor& x) {
  return activate(x, elements::kSelu, "SELU");
}

Tensor celu(const Tensor& x, double alpha) {
  return activate(x, elements::celu(alpha), "CELU");
}

Tensor leaky_relu(const Tensor& x, double slope) {
  return activate(x, elements::leaky_relu(slope), "LeakyReLU");
}

Tensor threshold(const Tensor& x, double limit, double value) {
  if (is_whole(x)) return whole_threshold(x, limit, value);
  return activate(x, elements::threshold(limit, value, dtype_of(x)), "Threshold");
}

Tensor gelu(const Tensor& x, GeluForm form) {
  return activate(x, elements::gelu(form), "GELU");
}

Tensor silu(const Tensor& x) {
  if (x.defined() && is_complex(x.dtype())) return composed_silu(x);
  return activate(x, elements::kSilu, "SiLU");
}

Tensor mish(const Tensor& x) {
  return activate(x, elements::kMish, "Mish");
}

Tensor softplus(const Tensor& x, double beta, double threshold) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, softplus, x, beta, threshold))
    return *cast;
  return activate(x, elements::softplus(beta, threshold), "Softplus");
}

Tensor softsign(const Tensor& x) {
  if (x.defined() && !is_floating(x.dtype())) return composed_softsign(x);
  return activate(x, elements::kSoftsign, "Softsign");
}

Tensor log_sigmoid(const Tensor& x) {
  return activate(x, elements::kLogSigmoid, "LogSigmoid");
}

Tensor tanhshrink(const Tensor& x) {
  if (x.defined() && !is_floating(x.dtype())) return composed_tanhshrink(x);
  return activate(x, elements::kTanhshrink, "Tanhshrink");
}

Tensor hardtanh(const Tensor& x, double least, double most) {
  if (is_whole(x)) return whole_hardtanh(x, least, most);
  return activate(x, elements::hardtanh(least, most), "Hardtanh");
}

Tensor relu6(const Tensor& x) {
  if (is_whole(x)) return whole_hardtanh(x, 0, 6);
  return activate(x, elements::kRelu6, "ReLU6");
}

Tensor hardsigmoid(const Tensor& x) {
  return activate(x, elements::kHardsigmoid, "Hardsigmoid");
}

Tensor hardswish(const Tensor& x) {
  return activate(x, elements::kHardswish, "Hardswish");
}

Tensor hardshrink(const Tensor& x, double limit) {
  return activate(x, elements::hardshrink(limit, dtype_of(x)), "Hardshrink");
}

Tensor softshrink(const Tensor& x, double limit) {
  return activate(x, elements::softshrink(limit, dtype_of(x)), "Softshrink");
}

Tensor prelu(const Tensor& x, const Tensor& weight) {
  if (const auto cast = autocast::run(autocast::Rules{autocast::Rule::Whole, autocast::Rule::Lower},
                                      prelu, x, weight))
    return *cast;
  if (const auto y = of_mixed(prelu, x, weight)) return *y;
  check_alike(x, weight, "PReLU");
  const int64_t rank = x.dim();
  const int64_t channels = rank >= 2 ? x.size(1) : 1;
  NW_CHECK(weight.dim() <= 1 && (weight.numel() == 1 || (rank > 0 && weight.numel() == channels)),
           "[PReLU] expects a weight for each of the ", channels, " channels, or one, gets ",
           to_string(weight.sizes()));
  Dims view{1, 1, x.numel()};  // (outer, channels, inner)
  if (weight.numel() > 1)
    view = Dims{x.size(0), channels, x.numel() / std::max<int64_t>(x.size(0) * channels, 1)};
  const Tensor dense = raw::contiguous(x);
  const Tensor slopes = raw::contiguous(weight);
  const Tensor y = new_result(x.sizes(), x);
  kernels_of(x).activation->prelu(view_dense(dense, view), slopes, view_dense(y, view));
  if (autograd::needs_record(x, weight)) {
    autograd::record(
        "PReLU", y, std::array{x, weight}, std::array{dense.is_same(x) ? x : dense, slopes},
        [view](const autograd::Node& node, const Tensors& grads, Tensors& grad_inputs,
               const std::array<Tensor, 2>& saved) {
          const Tensor grad = raw::contiguous(grads[0]);
          const Tensor grad_x = new_result(saved[0].sizes(), grad);
          const Tensor parts = new_result(view, grad);
          kernels_of(grad).activation->prelu_grad(view_dense(grad, view),
                                                  view_dense(saved[0], view), saved[1],
                                                  view_dense(grad_x, view), parts);
          grad_inputs[0] = grad_x;
          if (!node.needs_grad(1)) return;
          grad_inputs[1] = view_dense(sum_to(parts, Dims{view[1], 1}), saved[1].sizes());
        });
  }
  return y;
}

Tensor glu(const Tensor& x, int64_t dim) {
  check_floating(x, "GLU");
  NW_CHECK(x.dim() > 0, "[GLU] expects at least one dimension, gets a scalar");
  const int64_t at = wrap_dim(dim, x.dim(), "GLU");
  const int64_t size = x.size(at);
  NW_CHECK(size % 2 == 0, "[GLU] expects an even size of dimension ", dim, " to halve, gets ",
           size);
  return mul(narrow(x, at, 0, size / 2), sigmoid(narrow(x, at, size / 2, size / 2)));
}

}  // namespace nw::ops
