#include "core/optim/clip.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/autograd/node.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/optimizer_kernels.h"
#include "core/ops/arithmetic.h"
#include "core/ops/comparison.h"
#include "core/ops/in_place.h"
#include "core/ops/join.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"

namespace nw::optim {
namespace {

std::vector<Tensor> gradients_of(std::span<const Tensor> params) {
  std::vector<Tensor> out;
  for (const Tensor& param : params) {
    if (param.grad().defined()) out.push_back(param.grad());
  }
  return out;
}

/// Whether one kernel call takes it beside others.
bool fits_lists(const Tensor& grad) {
  return is_floating(grad.dtype()) && is_dense_any_order(grad.sizes(), grad.strides());
}

/// Gradients of one device and dtype that lie densely in memory; the others stand alone.
std::vector<std::vector<Tensor>> lists_of(const std::vector<Tensor>& grads) {
  std::vector<std::vector<Tensor>> out;
  for (const Tensor& grad : grads) {
    const auto list = std::find_if(out.begin(), out.end(), [&](const std::vector<Tensor>& one) {
      return fits_lists(grad) && fits_lists(one[0]) && one[0].dtype() == grad.dtype() &&
             one[0].device() == grad.device();
    });
    if (list == out.end()) {
      out.push_back({grad});
    } else {
      list->push_back(grad);
    }
  }
  return out;
}

/// The norm of each, as a row.
Tensor norms_of(const std::vector<Tensor>& list, double p) {
  if (list.size() == 1) return ops::reshape(ops::norm(list[0], p), {1});
  const Tensor out = empty({static_cast<int64_t>(list.size())}, list[0].dtype(), list[0].device());
  kernels_of(out).optimizer->norms(p, list, out);
  return out;
}

/// The norm of all together, on the first one's device.
Tensor total_norm(const std::vector<std::vector<Tensor>>& lists, double p) {
  Tensors norms;
  for (const auto& list : lists) {
    norms.push_back(raw::to(norms_of(list, p), lists[0][0].device()));
  }
  return ops::norm(ops::cat(norms, 0), p);
}

void scale_(const std::vector<Tensor>& list, double factor) {
  if (!fits_lists(list[0])) {
    ops::mul_(list[0], Scalar(factor));
    return;
  }
  kernels_of(list[0]).optimizer->scale(factor, list);
  for (const Tensor& grad : list) grad.storage()->bump_version();
}

/// The same with a factor that is a float64 scalar.
void scale_(const std::vector<Tensor>& list, const Tensor& factor) {
  const Tensor near = raw::to(factor, list[0].device());
  if (!fits_lists(list[0])) {
    ops::mul_(list[0], near);
    return;
  }
  kernels_of(list[0]).optimizer->scale_by(list, near, {});
  for (const Tensor& grad : list) grad.storage()->bump_version();
}

}  // namespace

double clip_grad_norm_(std::span<const Tensor> params, double max_norm, double norm_type,
                       NonFinite non_finite) {
  const autograd::NoGrad no_grad;
  const std::vector<Tensor> grads = gradients_of(params);
  if (grads.empty()) return 0;
  const std::vector<std::vector<Tensor>> lists = lists_of(grads);
  const double total = total_norm(lists, norm_type).item();
  NW_CHECK(non_finite == NonFinite::Allowed || std::isfinite(total),
           "[clip_grad_norm_] the gradients' norm is not finite: ", total);
  // Also where the factor is 1, so that a norm that is no number shows.
  const double factor = max_norm / (total + 1e-6);
  for (const auto& list : lists) scale_(list, factor > 1 ? 1 : factor);
  return total;
}

void queue_clip_grad_norm_(std::span<const Tensor> params, double max_norm, double norm_type) {
  const autograd::NoGrad no_grad;
  const std::vector<Tensor> grads = gradients_of(params);
  if (grads.empty()) return;
  const std::vector<std::vector<Tensor>> lists = lists_of(grads);
  const Tensor total = raw::to(total_norm(lists, norm_type), DType::Float64);
  const Tensor most = full({}, max_norm, DType::Float64, total.device());
  const Tensor factor = ops::clamp(ops::div(most, ops::add(total, Scalar(1e-6))), {}, Scalar(1));
  for (const auto& list : lists) scale_(list, factor);
}

void clip_grad_value_(std::span<const Tensor> params, double clip_value) {
  const autograd::NoGrad no_grad;
  for (const Tensor& grad : gradients_of(params)) {
    ops::clamp_(grad, Scalar(-clip_value), Scalar(clip_value));
  }
}

}  // namespace nw::optim
