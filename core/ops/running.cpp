#include <vector>

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/elementwise.h"
#include "core/ops/join.h"
#include "core/ops/promotion.h"
#include "core/ops/reduction.h"
#include "core/ops/reduction_plan.h"
#include "core/ops/slice.h"

// Products, and sums and products so far.

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

Tensor scanned(ReduceOp op, const Tensor& given, int64_t dim) {
  const Tensor x = raw::contiguous(given);
  const Tensor out = new_result(x.sizes(), x);
  const auto at = static_cast<size_t>(dim);
  Dims middle{1, 1, 1};
  for (size_t i = 0; i < x.sizes().size(); ++i) {
    middle[i < at ? 0 : (i == at ? 1 : 2)] *= x.sizes()[i];
  }
  if (x.numel() > 0) kernels_of(x).scan(op, view_dense(x, middle), view_dense(out, middle));
  return out;
}

/// x₀, x₁, … -> Σ from each on to the end.
Tensor sum_from_here(const Tensor& x, int64_t dim) {
  if (x.dim() == 0) return x;
  return flip(scanned(ReduceOp::Sum, flip(x, Dims{dim}), dim), Dims{dim});
}

/// 1, x₀, x₀·x₁, …: one more than x has along the dimension.
Tensor products_from_one(const Tensor& x, int64_t dim) {
  Dims first = x.sizes();
  first[static_cast<size_t>(dim)] = 1;
  const Tensor one = full(first, 1, x.dtype(), x.device());
  const std::array<Tensor, 2> parts{one, scanned(ReduceOp::Prod, x, dim)};
  return cat(parts, dim);
}

/// The products of all before each.
Tensor product_before(const Tensor& x, int64_t dim) {
  return products_from_one(narrow(x, dim, 0, x.size(dim) - 1), dim);
}

/// For each number the product of all others, right also where some are 0.
Tensor product_of_others(const Tensor& x, int64_t dim) {
  if (x.dim() == 0) return full(x.sizes(), 1, x.dtype(), x.device());
  if (x.numel() == 0) return x;
  const Tensor after = flip(product_before(flip(x, Dims{dim}), dim), Dims{dim});
  return mul(product_before(x, dim), after);
}

Tensor prod_over(const Tensor& given, const Dims& dims, Keep keep) {
  const Tensor x = to(given, sum_dtype(given));
  const ReductionPlan plan = plan_reduction(x, dims, keep, "prod");
  const Tensor kept = new_result(plan.kept, x);
  if (x.numel() == 0) {
    raw::fill_(kept, 1);
  } else {
    kernels_of(x).reduce(ReduceOp::Prod, x, kept);
  }
  const Tensor out = plan.out == plan.kept ? kept : view_dense(kept, plan.out);
  if (needs_record(x)) {
    const int64_t dim = dims.empty() ? -1 : wrap_dim(dims[0], x.dim(), "prod");
    record("prod", out, std::array{x}, std::array{x},
           [plan, dim](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             const Tensor& values = saved[0];
             const Tensor others =
                 dim >= 0 ? product_of_others(values, dim)
                          : view_dense(
                                raw::contiguous(product_of_others(
                                    view_dense(raw::contiguous(values), Dims{values.numel()}), 0)),
                                values.sizes());
             grad_inputs[0] = mul(conj(others), spread(grads[0], plan, values.sizes()));
           });
  }
  return out;
}

/// Σᵢ≥ₖ grad[i] · Π(j ≤ i, j ≠ k) x[j] for each k.
Tensor cumprod_gradient(const Tensor& grad, const Tensor& x, int64_t dim) {
  if (x.dim() == 0) return grad;
  const int64_t size = x.size(dim);
  const Tensor before = product_before(x, dim);
  std::vector<Tensor> parts;
  for (int64_t k = 0; k < size; ++k) {
    // 1, x[k+1], x[k+1]·x[k+2], …: what follows number k, without it
    const Tensor rest = products_from_one(narrow(x, dim, k + 1, size - k - 1), dim);
    const Tensor products = mul(rest, narrow(before, dim, k, 1));
    parts.push_back(sum(mul(narrow(grad, dim, k, size - k), conj(products)), Dims{dim}, Keep::Yes));
  }
  return cat(parts, dim);
}

}  // namespace

Tensor prod(const Tensor& x) {
  if (const auto cast = autocast::run(
          autocast::kFloat32, [](const auto&... all) { return prod(all...); }, x))
    return *cast;
  return prod_over(x, {}, Keep::No);
}

Tensor prod(const Tensor& x, int64_t dim, Keep keep) {
  if (const auto cast = autocast::run(
          autocast::kFloat32, [](const auto&... all) { return prod(all...); }, x, dim, keep))
    return *cast;
  return prod_over(x, Dims{dim}, keep);
}

Tensor cumsum(const Tensor& given, int64_t dim) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, cumsum, given, dim)) return *cast;
  const Tensor x = to(given, sum_dtype(given));
  const int64_t at = wrap_dim(dim, x.dim(), "cumsum");
  const Tensor out = scanned(ReduceOp::Sum, x, at);
  if (needs_record(x)) {
    record("cumsum", out, std::array{x}, std::array<Tensor, 0>{},
           [at](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
             grad_inputs[0] = sum_from_here(grads[0], at);
           });
  }
  return out;
}

Tensor cumprod(const Tensor& given, int64_t dim) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, cumprod, given, dim)) return *cast;
  const Tensor x = to(given, sum_dtype(given));
  const int64_t at = wrap_dim(dim, x.dim(), "cumprod");
  const Tensor out = scanned(ReduceOp::Prod, x, at);
  if (needs_record(x)) {
    record("cumprod", out, std::array{x}, std::array{x},
           [at](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             grad_inputs[0] =
                 saved[0].numel() == 0 ? grads[0] : cumprod_gradient(grads[0], saved[0], at);
           });
  }
  return out;
}

}  // namespace nw::ops
