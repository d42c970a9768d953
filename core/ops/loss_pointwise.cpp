#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/elementwise.h"
#include "core/ops/loss_parts.h"
#include "core/ops/promotion.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

Tensor slope(const PointwiseFormula& formula, const Tensor& grad, const Tensor& x,
             const Tensor& target) {
  const Tensor out = new_result(x.sizes(), x);
  kernels_of(x).loss->pointwise_grad(formula.kind, formula.parameter, grad, x, target, out);
  return out;
}

Tensor slope_of_bce_target(const Tensor& grad, const Tensor& x) {
  return mul(grad, sub(log(sub(1, x)), log(x)));
}

/// d loss / d target · grad
Tensor slope_of_target(const PointwiseFormula& formula, const Tensor& grad, const Tensor& x,
                       const Tensor& target) {
  switch (formula.kind) {
    case PointwiseLoss::BinaryCrossEntropy:
      return slope_of_bce_target(grad, x);
    case PointwiseLoss::BinaryLogits:
      return neg(mul(grad, x));
    case PointwiseLoss::SmoothL1:
    case PointwiseLoss::Huber:
    case PointwiseLoss::SoftMargin:
      break;
  }
  return slope(formula, grad, target, x);  // symmetric
}

/// `losses` with pos_weight, whose way back to the target is grad · (pos_weight·softplus(−x) −
/// softplus(x)): the terms that they are made of would cancel infinities.
Tensor with_slope_of_target(const Tensor& losses, const Tensor& x, const Tensor& target,
                            const Tensor& pos_weight) {
  if (!needs_record(target)) return losses;
  const Tensor out = losses.detach();
  record("BCEWithLogitsLoss", out, std::array{losses, target},
         std::array{x.detach(), pos_weight.detach()},
         [](const Node&, const Tensors& grads, Tensors& grad_inputs,
            const std::array<Tensor, 2>& saved) {
           const auto& [scores, weight] = saved;
           const Tensor slope = sub(log_sigmoid(neg(scores)), mul(weight, log_sigmoid(scores)));
           grad_inputs[0] = grads[0];
           grad_inputs[1] = mul(grads[0], slope);
         });
  return out;
}

/// The same of what broadcasts.
Tensor broadcast_pointwise(const PointwiseFormula& formula, const Tensor& x, const Tensor& target,
                           std::string_view op) {
  check_alike(x, target, op);
  const Dims sizes = broadcast(x.sizes(), target.sizes(), op);
  return pointwise_loss(formula, expand(x, sizes), expand(target, sizes), op);
}

}  // namespace

Tensor pointwise_loss(const PointwiseFormula& formula, const Tensor& x, const Tensor& target,
                      std::string_view op) {
  const Tensor a = raw::contiguous(x);
  const Tensor b = raw::contiguous(target);
  const Tensor out = new_result(x.sizes(), x);
  kernels_of(x).loss->pointwise(formula.kind, formula.parameter, a, b, out);
  if (needs_record(x, target)) {
    record(op, out, std::array{x, target}, std::array{a, b},
           [formula](const Node& node, const Tensors& grads, Tensors& grad_inputs,
                     const std::array<Tensor, 2>& saved) {
             const Tensor grad = raw::contiguous(grads[0]);
             if (node.needs_grad(0)) grad_inputs[0] = slope(formula, grad, saved[0], saved[1]);
             if (node.needs_grad(1)) {
               grad_inputs[1] = slope_of_target(formula, grad, saved[0], saved[1]);
             }
           });
  }
  return out;
}

Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  if (const auto cast = autocast::run(autocast::kFloat32, l1_loss, x, target, reduction))
    return *cast;
  const auto [a, b] = promoted_as_equals(x, target, "L1Loss");
  return reduced(abs(sub(a, b)), reduction);
}

Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, double beta, Reduction reduction) {
  if (const auto cast =
          autocast::run(autocast::kFloat32, smooth_l1_loss, x, target, beta, reduction))
    return *cast;
  constexpr std::string_view kOp = "SmoothL1Loss";
  NW_CHECK(beta >= 0, "[", kOp, "] beta cannot be negative, is ", beta);
  const auto [a, b] = promoted_as_equals(x, target, kOp);
  return reduced(broadcast_pointwise({PointwiseLoss::SmoothL1, beta}, a, b, kOp), reduction);
}

Tensor huber_loss(const Tensor& x, const Tensor& target, double delta, Reduction reduction) {
  if (const auto cast = autocast::run(autocast::kFloat32, huber_loss, x, target, delta, reduction))
    return *cast;
  constexpr std::string_view kOp = "HuberLoss";
  NW_CHECK(delta > 0, "[", kOp, "] delta must be greater than 0, is ", delta);
  check_floating(x, kOp);
  NW_CHECK(!is_complex(target.dtype()), "[", kOp, "] expects a real target, gets ",
           name(target.dtype()));
  const Tensor wanted = to(target, x.dtype());
  const Tensor losses = broadcast_pointwise({PointwiseLoss::Huber, delta}, x, wanted, kOp);
  return without_backward_of_two_dtypes(reduced(losses, reduction), x, target, kOp);
}

namespace {

Tensor complex_soft_margin_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  constexpr std::string_view kOp = "SoftMarginLoss";
  NW_CHECK(!needs_record(x), "[", kOp, "] has no gradient of complex numbers");
  const Tensor signs = to(target, x.dtype());
  check_factor(signs, x, "target", kOp);
  return reduced(log(add(exp(neg(mul(signs, x))), 1)), reduction);
}

}  // namespace

Tensor soft_margin_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  if (const auto cast = autocast::run(autocast::kFloat32, soft_margin_loss, x, target, reduction))
    return *cast;
  constexpr std::string_view kOp = "SoftMarginLoss";
  NW_CHECK(x.defined() && target.defined(), "[", kOp, "] expects an answer and a target");
  NW_CHECK(!needs_record(target), "[", kOp, "] has no gradient for its target");
  if (is_complex(x.dtype())) return complex_soft_margin_loss(x, target, reduction);
  check_floating(x, kOp);
  check_real(target, kOp);
  NW_CHECK(target.dtype() != DType::Bool || !needs_record(x), "[", kOp,
           "] has no gradient with a target of bool");
  const Tensor signs = to(target, x.dtype());
  check_factor(signs, x, "target", kOp);
  return reduced(pointwise_loss({PointwiseLoss::SoftMargin}, x, expand(signs, x.sizes()), kOp),
                 reduction);
}

Tensor binary_cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight,
                            Reduction reduction) {
  if (const auto cast =
          autocast::run(autocast::Rules{autocast::Rule::Float32, autocast::Rule::Unsafe},
                        binary_cross_entropy, x, target, weight, reduction))
    return *cast;
  constexpr std::string_view kOp = "BCELoss";
  check_alike(x, target, kOp);
  NW_CHECK(x.sizes() == target.sizes(), "[", kOp, "] expects targets of the input's sizes ",
           to_string(x.sizes()), ", gets ", to_string(target.sizes()));
  const Tensor losses = pointwise_loss({PointwiseLoss::BinaryCrossEntropy}, x, target, kOp);
  if (!weight.defined()) return reduced(losses, reduction);
  check_factor(weight, x, "weight", kOp);
  return reduced(mul(losses, weight), reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& given, const Tensor& given_target,
                                        const Tensor& weight, const Tensor& pos_weight,
                                        Reduction reduction) {
  if (const auto cast = autocast::run(autocast::kFloat32, binary_cross_entropy_with_logits, given,
                                      given_target, weight, pos_weight, reduction))
    return *cast;
  constexpr std::string_view kOp = "BCEWithLogitsLoss";
  NW_CHECK(given.sizes() == given_target.sizes(), "[", kOp,
           "] expects targets of the input's sizes ", to_string(given.sizes()), ", gets ",
           to_string(given_target.sizes()));
  check_floating(given, kOp);
  check_floating(given_target, kOp);
  const auto [x, target] = promoted(given, given_target, kOp);
  Tensor losses;
  if (pos_weight.defined()) {
    check_factor(pos_weight, x, "pos_weight", kOp);
    const Tensor yes = neg(log_sigmoid(x));
    const Tensor fixed = target.detach();
    const Tensor factor = add(mul(sub(pos_weight, 1), fixed), 1);
    losses = add(mul(sub(1, fixed), x), mul(factor, yes));
    losses = with_slope_of_target(losses, x, target, pos_weight);
  } else {
    losses = pointwise_loss({PointwiseLoss::BinaryLogits}, x, target, kOp);
  }
  if (weight.defined()) {
    check_factor(weight, x, "weight", kOp);
    losses = mul(losses, weight);
  }
  // torch adds up in the memory of 1 − target.
  return reduced(to(losses, given_target.dtype()), reduction);
}

Tensor multilabel_soft_margin_loss(const Tensor& x, const Tensor& target, const Tensor& weight,
                                   Reduction reduction) {
  constexpr std::string_view kOp = "MultiLabelSoftMarginLoss";
  NW_CHECK(x.defined() && x.dim() > 0, "[", kOp, "] expects scores (…, C), gets ",
           x.defined() ? "a scalar" : "none");
  const auto [a, b] = promoted(x, target, kOp);
  check_alike(a, b, kOp);
  // As PyTorch composes it: infinite scores tell.
  Tensor losses = neg(add(mul(b, log_sigmoid(a)), mul(sub(1, b), log_sigmoid(neg(a)))));
  if (weight.defined()) losses = mul(losses, weight);
  losses = div(sum(losses, Dims{x.dim() - 1}), x.sizes().back());
  return reduced(losses, reduction);
}

}  // namespace nw::ops
