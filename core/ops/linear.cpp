#include "core/ops/matmul.h"

#include "core/autograd/kept.h"
#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/chain_kernels.h"
#include "core/backend/creation.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/matmul_raw.h"
#include "core/ops/shape.h"

namespace nw::ops {
namespace {

using autograd::kept_for;
using autograd::needs_record;
using autograd::Node;
using autograd::record;

/// Dense (M, features): all dimensions but the last joined.
Tensor as_rows(const Tensor& x) {
  const Tensor dense = raw::contiguous(x);
  if (dense.dim() == 2) return dense;
  const int64_t features = dense.sizes().back();
  return view_dense(dense, Dims{features == 0 ? 0 : dense.numel() / features, features});
}

[[noreturn]] void throw_features(const Tensor& x, int64_t expected) {
  const Dims& sizes = x.sizes();
  std::string text =
      concat("[Linear] expects ", expected, " features on the last dimension, gets ", sizes.back());
  if (sizes.size() > 2) {
    const Dims sample(sizes.begin() + 1, sizes.end());
    text += concat(" (of ", to_string(sample), ")");
    if (numel(sample) == expected) text += concat("; Flatten before it makes ", expected);
  }
  throw Error(text, Remedy{"in_features", sizes.back()});
}

void check_kind(const Tensor& x, const Tensor& other) {
  NW_CHECK(x.dtype() == other.dtype(), "[Linear] expects tensors of one dtype, gets ",
           name(x.dtype()), " and ", name(other.dtype()));
  check_device(x, other, "Linear");
}

void check_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  NW_CHECK(x.dtype() != DType::Bool, "[Linear] expects numbers, gets bool");
  check_kind(x, weight);
  NW_CHECK(weight.dim() == 2, "[Linear] expects a weight of 2 dimensions (out, in), gets ",
           to_string(weight.sizes()));
  NW_CHECK(x.dim() >= 1, "[Linear] expects at least one dimension, gets a scalar");
  if (x.sizes().back() != weight.sizes()[1]) throw_features(x, weight.sizes()[1]);
  if (!bias.defined()) return;
  check_kind(x, bias);
  NW_CHECK(bias.dim() == 1 && bias.sizes()[0] == weight.sizes()[0], "[Linear] expects a bias of ",
           weight.sizes()[0], ", gets ", to_string(bias.sizes()));
}

/// Of complex and whole numbers, for which there is no fused kernel.
Tensor composed_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Tensor y = matmul(x, transpose(weight, 0, 1));
  return bias.defined() ? add(y, bias) : y;
}

/// given: the gradient of the product's result
void linear_backward(const Node& node, const Tensor& given, Tensors& grad_inputs, const Tensor& x,
                     const Tensor& weight, const Dims& x_sizes) {
  const Tensor grad = as_rows(given);
  if (node.needs_grad(0)) {
    const Tensor grad_x = product(grad, weight);
    grad_inputs[0] = x_sizes.size() == 2 ? grad_x : view_dense(grad_x, x_sizes);
  }
  if (node.needs_grad(1)) grad_inputs[1] = product(adjoint(grad), x);
  if (node.needs_grad(2)) grad_inputs[2] = sum_to(grad, Dims{grad.sizes()[1]});
}

/// What PyTorch computes in one product, and so do we.
bool is_one_product(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  // PyTorch rounds the product before it adds the bias unless x is one matrix in memory.
  const bool one_matrix = x.dim() == 2 || (x.dim() == 3 && x.is_contiguous());
  const bool rounds_twice = is_half(x.dtype()) && bias.defined() && !one_matrix;
  return is_floating(x.dtype()) && !rounds_twice && weight.numel() > 0;
}

/// x, weight and bias as the kernels take them.
struct Operands {
  Tensor rows, weight, bias;

  Operands(const Tensor& x, const Tensor& given_weight, const Tensor& given_bias)
      : rows(as_rows(x)),
        weight(raw::contiguous(given_weight)),
        bias(given_bias.defined() ? raw::contiguous(given_bias) : given_bias) {}

  Tensor new_result() const {
    return ops::new_result(Dims{rows.sizes()[0], weight.sizes()[0]}, rows);
  }
};

/// y (rows, out) with x's leading dimensions.
Tensor shaped_as(const Tensor& x, const Tensor& y) {
  Dims sizes = x.sizes();
  sizes.back() = y.sizes()[1];
  return sizes.size() == 2 ? y : view_dense(y, sizes);
}

BinaryOp slope_of(ElementKind f) {
  switch (f) {
    case ElementKind::Tanh:
      return BinaryOp::TanhGrad;
    case ElementKind::Sigmoid:
      return BinaryOp::SigmoidGrad;
    default:
      return BinaryOp::ReluGrad;
  }
}

Tensor activated(const Tensor& x, ElementKind f) {
  switch (f) {
    case ElementKind::Tanh:
      return tanh(x);
    case ElementKind::Sigmoid:
      return sigmoid(x);
    default:
      return relu(x);
  }
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (const auto cast = autocast::run(autocast::kLower, linear, x, weight, bias)) return *cast;
  check_linear(x, weight, bias);
  if (!is_one_product(x, weight, bias)) return composed_linear(x, weight, bias);
  const Operands operands(x, weight, bias);
  const Tensor y = operands.new_result();
  if (y.numel() > 0) kernels_of(x).linear(operands.rows, operands.weight, operands.bias, y);
  const Tensor out = shaped_as(x, y);
  if (needs_record(x, weight, bias)) {
    record("Linear", out, std::array{x, weight, bias},
           std::array{kept_for(weight, operands.rows), kept_for(x, operands.weight)},
           [x_sizes = x.sizes()](const Node& node, const Tensors& grads, Tensors& grad_inputs,
                                 const std::array<Tensor, 2>& saved) {
             linear_backward(node, grads[0], grad_inputs, saved[0], saved[1], x_sizes);
           });
  }
  return out;
}

Tensor activated_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, ElementKind f) {
  if (const auto cast = autocast::run(autocast::kLower, activated_linear, x, weight, bias, f))
    return *cast;
  check_linear(x, weight, bias);
  const ChainKernels* kernels = kernels_of(x).chain;
  if (kernels == nullptr || kernels->linear == nullptr || !is_one_product(x, weight, bias)) {
    return activated(linear(x, weight, bias), f);
  }
  const Operands operands(x, weight, bias);
  const Tensor y = operands.new_result();
  if (y.numel() > 0) kernels->linear(operands.rows, operands.weight, operands.bias, f, y);
  const Tensor out = shaped_as(x, y);
  if (needs_record(x, weight, bias)) {
    record("Linear and activation", out, std::array{x, weight, bias},
           std::array{kept_for(weight, operands.rows), kept_for(x, operands.weight), out},
           [f, x_sizes = x.sizes()](const Node& node, const Tensors& grads, Tensors& grad_inputs,
                                    const std::array<Tensor, 3>& saved) {
             const Tensor grad = new_alike(saved[2], saved[2].dtype());
             kernels_of(grad).binary(slope_of(f), grads[0], saved[2], grad);
             linear_backward(node, grad, grad_inputs, saved[0], saved[1], x_sizes);
           });
  }
  return out;
}

}  // namespace nw::ops
