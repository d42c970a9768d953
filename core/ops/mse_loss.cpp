#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/loss_parts.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"

namespace nw::ops {
namespace {

/// Σ (x − t)² · scale of tensors of one size, as one node.
Tensor squared_distance(const Tensor& x, const Tensor& target, double scale) {
  const Kernels& kernels = kernels_of(x);
  const Tensor difference = new_result(x.sizes(), x);
  kernels.binary(BinaryOp::Sub, x, target, difference);
  const Tensor squares = new_result(x.sizes(), x);
  kernels.binary(BinaryOp::Mul, difference, difference, squares);
  const Tensor total = sum_to(squares, {});
  const Tensor loss = new_result({}, x);
  kernels.affine(total, scale, 0, loss);
  if (autograd::needs_record(x, target)) {
    autograd::record("MSELoss", loss, std::array{x, target}, std::array{difference},
                     [scale](const autograd::Node& node, const Tensors& grads, Tensors& grad_inputs,
                             const std::array<Tensor, 1>& saved) {
                       for (size_t i = 0; i < 2; ++i) {
                         if (!node.needs_grad(i)) continue;
                         const Tensor factor = new_result({}, grads[0]);
                         kernels_of(factor).affine(grads[0], i == 0 ? 2 * scale : -2 * scale, 0,
                                                   factor);
                         const Tensor grad = new_result(saved[0].sizes(), saved[0]);
                         kernels_of(grad).binary(BinaryOp::Mul, saved[0],
                                                 raw::expand(factor, grad.sizes()), grad);
                         grad_inputs[i] = grad;
                       }
                     });
  }
  return loss;
}

}  // namespace

Tensor mse_loss(const Tensor& given, const Tensor& given_target, Reduction reduction) {
  if (const auto cast = autocast::run(autocast::kFloat32, mse_loss, given, given_target, reduction))
    return *cast;
  const auto one_way = [&](const Tensor& loss) {
    return without_backward_of_two_dtypes(loss, given, given_target, "MSELoss");
  };
  const auto [x, target] = promoted_as_equals(given, given_target, "MSELoss");
  check_alike(x, target, "MSELoss");
  const Dims sizes = broadcast(x.sizes(), target.sizes(), "MSELoss");
  const Tensor a = x.sizes() == sizes ? x : expand(x, sizes);
  const Tensor b = target.sizes() == sizes ? target : expand(target, sizes);
  if (reduction == Reduction::None) {
    const Tensor difference = sub(a, b);
    return one_way(mul(difference, difference));
  }
  const double count = reduction == Reduction::Mean ? static_cast<double>(a.numel()) : 1;
  return one_way(squared_distance(a, b, 1 / count));
}

}  // namespace nw::ops
