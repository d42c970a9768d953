#include <cmath>
#include <numbers>

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/elementwise.h"
#include "core/ops/index.h"
#include "core/ops/loss_parts.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"

namespace nw::ops {
namespace {

/// t·log t, 0 for t = 0.
Tensor t_log_t(const Tensor& t) {
  return where(eq(t, 0), 0, mul(t, log(t)));
}

/// max(x, least) with a slope of 1 everywhere.
Tensor raised(const Tensor& x, double least) {
  const Tensor out = clamp(x.detach(), least, std::nullopt);
  if (autograd::needs_record(x)) {
    autograd::record("raise", out, std::array{x}, std::array<Tensor, 0>{},
                     [](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                        const auto&) { grad_inputs[0] = grads[0]; });
  }
  return out;
}

/// The variances with a last dimension that broadcasts over x's. Throws Error when they fit neither
/// all of x nor all but its last dimension.
Tensor fitted_variance(const Tensor& variance, const Tensor& x) {
  if (variance.sizes() == x.sizes()) return variance;
  Dims one_less = x.sizes();
  if (!one_less.empty()) one_less.erase(one_less.size() - 1);
  if (x.dim() > 0 && variance.sizes() == one_less) return unsqueeze(variance, -1);
  Dims with_one = one_less;
  with_one.push_back(1);
  NW_CHECK(variance.sizes() == with_one,
           "[GaussianNLLLoss] expects variances of the input's sizes ", to_string(x.sizes()),
           " or ", to_string(one_less), ", gets ", to_string(variance.sizes()));
  return variance;
}

}  // namespace

Tensor kl_div(const Tensor& x, const Tensor& target, KlReduction reduction, bool log_target) {
  if (const auto cast = autocast::run(autocast::kFloat32, kl_div, x, target, reduction, log_target))
    return *cast;
  constexpr std::string_view kOp = "KLDivLoss";
  check_floating(x, kOp);
  check_floating(target, kOp);
  const Tensor losses =
      log_target ? mul(exp(target), sub(target, x)) : sub(t_log_t(target), mul(target, x));
  switch (reduction) {
    case KlReduction::None:
      return losses;
    case KlReduction::Mean:
      return mean(losses);
    case KlReduction::Sum:
      return sum(losses);
    case KlReduction::BatchMean:
      break;
  }
  return x.dim() == 0 ? sum(losses) : div(sum(losses), x.sizes()[0]);
}

Tensor gaussian_nll_loss(const Tensor& x, const Tensor& target, const Tensor& variance,
                         const GaussianNllOptions& options, Reduction reduction) {
  constexpr std::string_view kOp = "GaussianNLLLoss";
  check_real(x, kOp);
  check_floating(variance, kOp);
  const Tensor fitted = fitted_variance(variance, x);
  kernels_of(x).loss->check_not_negative(raw::contiguous(fitted.detach()),
                                         "[GaussianNLLLoss] expects variances of at least 0");
  const Tensor spread = raised(fitted, options.eps);
  Tensor losses = mul(add(log(spread), div(square(sub(x, target)), spread)), 0.5);
  if (options.full) losses = add(losses, 0.5 * std::log(2 * std::numbers::pi));
  return reduced(losses, reduction);
}

Tensor poisson_nll_loss(const Tensor& x, const Tensor& target, const PoissonNllOptions& options,
                        Reduction reduction) {
  if (const auto cast =
          autocast::run(autocast::kFloat32, poisson_nll_loss, x, target, options, reduction))
    return *cast;
  NW_CHECK(x.defined() && target.defined(), "[PoissonNLLLoss] expects an answer and a target");
  if (options.full) check_real(target, "PoissonNLLLoss");
  Tensor losses = options.log_input ? sub(exp(x), mul(target, x))
                                    : sub(x, mul(target, log(add(x, options.eps))));
  if (options.full) {
    const Tensor stirling = add(sub(mul(target, log(target)), target),
                                mul(log(mul(target, 2 * std::numbers::pi)), 0.5));
    losses = add(losses, masked_fill(stirling, le(target, 1), 0));
  }
  return reduced(losses, reduction);
}

}  // namespace nw::ops
