#include <cmath>

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/elementwise.h"
#include "core/ops/promotion.h"
#include "core/ops/reduction.h"
#include "core/ops/reduction_plan.h"

// Variance, norms and the like: one number that tells of many.

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

/// float32 for 16-bit numbers: the steps in between would lose too much.
Tensor widened(const Tensor& x) {
  return is_half(x.dtype()) ? to(x, DType::Float32) : x;
}

/// √x whose gradient at 0 is 0.
Tensor root(const Tensor& x) {
  const Tensor y = sqrt(x.detach());
  if (needs_record(x)) {
    record("std", y, std::array{x}, std::array{y},
           [](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             grad_inputs[0] = where(eq(saved[0], 0), 0, div(grads[0], mul(saved[0], 2)));
           });
  }
  return y;
}

/// Σ|x − mean|² / freedom; `firsts` are the sizes of x with 1 for what is reduced.
Tensor variance(const Tensor& given, const Dims& dims, const Dims& firsts, int64_t freedom,
                Keep keep) {
  // Counted from the first number, so that equal ones have a variance of exactly 0.
  const bool counts = given.numel() > 0;
  const Tensor x =
      counts ? sub(given, given.as_strided(firsts, given.strides(), given.offset())) : given;
  const Tensor apart = sub(x, mean(x, dims, Keep::Yes));
  const Tensor squares =
      is_complex(x.dtype()) ? add(square(real(apart)), square(imag(apart))) : square(apart);
  return div(sum(squares, dims, keep), static_cast<double>(std::max<int64_t>(freedom, 0)));
}

Tensor norm_of(const Tensor& size, double p, const Dims& dims) {
  if (std::isinf(p) && size.numel() == 0) return sum(size, dims, Keep::Yes);  // 0 of nothing
  if (std::isinf(p)) return p > 0 ? amax(size, dims, Keep::Yes) : amin(size, dims, Keep::Yes);
  if (p == 0) return to(sum(ne(size, 0), dims, Keep::Yes), size.dtype());
  if (p == 1) return sum(size, dims, Keep::Yes);
  if (p == 2) return sqrt(sum(square(size), dims, Keep::Yes));
  return pow(sum(pow(size, p), dims, Keep::Yes), 1 / p);
}

/// d‖x‖/dx·grad, all of x's sizes or broadcast to them.
Tensor norm_gradient(const Tensor& grad, const Tensor& x, const Tensor& norm, double p,
                     const Dims& dims) {
  if (p == 0) return zeros(x.sizes(), x.dtype(), x.device());
  const Tensor direction = sgn(x);
  if (p == 1) return mul(direction, grad);
  if (p == 2) return mul(x, where(eq(norm, 0), 0, div(grad, norm)));
  const Tensor size = abs(x);
  if (std::isinf(p)) {
    const Tensor chosen = logical_or(eq(size, norm), logical_and(isnan(size), isnan(norm)));
    const Tensor count = to(sum(chosen, dims, Keep::Yes), grad.dtype());
    return mul(direction, where(chosen, div(grad, count), 0));
  }
  const Tensor scaled = mul(direction, where(eq(size, 0), 0, pow(size, p - 1)));
  return mul(scaled, where(eq(norm, 0), 0, div(grad, pow(norm, p - 1))));
}

}  // namespace

Tensor var(const Tensor& given, const Dims& dims, int64_t correction, Keep keep) {
  check_inexact(given, "var");
  const Tensor x = widened(given);
  const ReductionPlan plan = plan_reduction(x, dims, keep, "var");
  const Tensor out = variance(x.detach(), dims, plan.kept, plan.count - correction, keep);
  if (needs_record(x)) {
    record("var", out, std::array{x}, std::array{x},
           [dims, plan, freedom = static_cast<double>(plan.count - correction)](
               const Node&, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             const Tensor grad = spread(grads[0], plan, saved[0].sizes());
             const Tensor apart = sub(saved[0], mean(saved[0], dims, Keep::Yes));
             // One number alone has no variance: PyTorch's slope there is infinite.
             grad_inputs[0] = freedom == 0 ? to(mul(grad, HUGE_VAL), apart.dtype())
                                           : mul(mul(apart, 2 / freedom), grad);
           });
  }
  return to(out, real_of(given.dtype()));
}

Tensor std_dev(const Tensor& x, const Dims& dims, int64_t correction, Keep keep) {
  check_inexact(x, "std");
  return to(root(var(widened(x), dims, correction, keep)), real_of(x.dtype()));
}

std::pair<Tensor, Tensor> var_mean(const Tensor& x, const Dims& dims, int64_t correction,
                                   Keep keep) {
  return {var(x, dims, correction, keep), mean(x, dims, keep)};
}

std::pair<Tensor, Tensor> std_mean(const Tensor& x, const Dims& dims, int64_t correction,
                                   Keep keep) {
  return {std_dev(x, dims, correction, keep), mean(x, dims, keep)};
}

Tensor norm(const Tensor& given, double p, const Dims& dims, Keep keep) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, norm, given, p, dims, keep))
    return *cast;
  check_inexact(given, "norm");
  const Tensor wide = widened(given);
  const ReductionPlan plan = plan_reduction(wide, dims, keep, "norm");
  const Tensor kept = norm_of(abs(wide.detach()), p, dims);
  const Tensor out = kept.sizes() == plan.out ? kept : view_dense(raw::contiguous(kept), plan.out);
  if (needs_record(wide)) {
    record("norm", out, std::array{wide}, std::array{wide, kept},
           [p, dims, plan](const Node&, const Tensors& grads, Tensors& grad_inputs,
                           const auto& saved) {
             const Tensor grad = view_dense(raw::contiguous(grads[0]), plan.kept);
             grad_inputs[0] = norm_gradient(grad, saved[0], saved[1], p, dims);
           });
  }
  return to(out, real_of(given.dtype()));
}

Tensor logsumexp(const Tensor& any, const Dims& dims, Keep keep) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, logsumexp, any, dims, keep))
    return *cast;
  const Tensor given = to_inexact(any);
  check_floating(given, "logsumexp");
  const Tensor x = widened(given);
  const ReductionPlan plan = plan_reduction(x, dims, keep, "logsumexp");
  const Tensor plain = x.detach();
  Tensor kept;
  if (x.numel() == 0) {
    kept = log(sum(exp(plain), dims, Keep::Yes));
  } else {
    const Tensor largest = amax(plain, dims, Keep::Yes);
    const Tensor shift = where(isinf(largest), 0, largest);
    kept = add(log(sum(exp(sub(plain, shift)), dims, Keep::Yes)), shift);
  }
  const Tensor out = kept.sizes() == plan.out ? kept : view_dense(raw::contiguous(kept), plan.out);
  if (needs_record(x)) {
    record("logsumexp", out, std::array{x}, std::array{x, kept},
           [plan](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             const Tensor grad = view_dense(raw::contiguous(grads[0]), plan.kept);
             grad_inputs[0] = mul(exp(sub(saved[0], saved[1])), grad);
           });
  }
  return to(out, given.dtype());
}

}  // namespace nw::ops
