#include "core/optim/clip.h"

#include <cmath>
#include <vector>

#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/ops/comparison.h"
#include "core/ops/in_place.h"
#include "core/ops/join.h"
#include "core/ops/reduction.h"

namespace nw::optim {
namespace {

std::vector<Tensor> gradients_of(std::span<const Tensor> params) {
  std::vector<Tensor> out;
  for (const Tensor& param : params) {
    if (param.grad().defined()) out.push_back(param.grad());
  }
  return out;
}

}  // namespace

double clip_grad_norm_(std::span<const Tensor> params, double max_norm, double norm_type,
                       NonFinite non_finite) {
  const autograd::NoGrad no_grad;
  const std::vector<Tensor> grads = gradients_of(params);
  if (grads.empty()) return 0;
  Tensors norms;
  for (const Tensor& grad : grads) {
    norms.push_back(raw::to(ops::norm(grad, norm_type), grads[0].device()));
  }
  const double total = ops::norm(ops::stack(norms, 0), norm_type).item();
  NW_CHECK(non_finite == NonFinite::Allowed || std::isfinite(total),
           "[clip_grad_norm_] the gradients' norm is not finite: ", total);
  // Also where the factor is 1, so that a norm that is no number shows.
  const double factor = max_norm / (total + 1e-6);
  for (const Tensor& grad : grads) ops::mul_(grad, Scalar(factor > 1 ? 1 : factor));
  return total;
}

void clip_grad_value_(std::span<const Tensor> params, double clip_value) {
  const autograd::NoGrad no_grad;
  for (const Tensor& grad : gradients_of(params)) {
    ops::clamp_(grad, Scalar(-clip_value), Scalar(clip_value));
  }
}

}  // namespace nw::optim
