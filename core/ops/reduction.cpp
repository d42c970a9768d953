#include "core/ops/reduction.h"

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/promotion.h"
#include "core/ops/reduction_plan.h"

namespace nw::ops {

ReductionPlan plan_reduction(const Tensor& x, const Dims& dims, Keep keep, std::string_view op) {
  ReductionPlan made;
  made.kept = x.sizes();
  // A scalar's dimension may be named, too, as if it were one of size 1.
  SmallVector<bool, kMaxDims> reduced(std::max<size_t>(x.sizes().size(), 1), dims.empty());
  for (int64_t dim : dims) {
    const auto d = static_cast<size_t>(wrap_dim(dim, x.dim(), op));
    NW_CHECK(!reduced[d], "[", op, "] dimension ", dim, " is named twice");
    reduced[d] = true;
  }
  for (size_t i = 0; i < x.sizes().size(); ++i) {
    if (reduced[i]) {
      made.count *= x.sizes()[i];
      made.kept[i] = 1;
    }
    if (!reduced[i] || keep == Keep::Yes) made.out.push_back(made.kept[i]);
  }
  return made;
}

Tensor spread(const Tensor& grad, const ReductionPlan& plan, const Dims& x_sizes) {
  return raw::expand(view_dense(raw::contiguous(grad), plan.kept), x_sizes);
}

DType sum_dtype(const Tensor& x) {
  return is_floating(x.dtype()) || is_complex(x.dtype()) ? x.dtype() : DType::Int64;
}

namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

/// Σ x without history, with the sizes plan.kept.
Tensor total_of(const Tensor& x, const ReductionPlan& plan) {
  const Tensor total = new_result(plan.kept, x);
  if (x.numel() == 0) {
    raw::fill_(total, 0);
  } else {
    kernels_of(x).sum(x, total);
  }
  return total;
}

Tensor as_wanted(const Tensor& kept, const ReductionPlan& plan) {
  return plan.out.size() == plan.kept.size() ? kept : view_dense(kept, plan.out);
}

Tensor truth(ReduceOp op, const Tensor& given, const Dims& dims, Keep keep, std::string_view name) {
  const Tensor x = given.dtype() == DType::Bool ? given.detach() : ne(given, 0);
  const ReductionPlan plan = plan_reduction(x, dims, keep, name);
  const Tensor out = new_result(plan.kept, x);
  if (x.numel() == 0) {
    raw::fill_(out, op == ReduceOp::Min);
  } else {
    kernels_of(x).reduce(op, x, out);
  }
  const Tensor result = as_wanted(out, plan);
  return given.dtype() == DType::UInt8 ? to(result, DType::UInt8) : result;  // torch's exception
}

}  // namespace

Tensor sum(const Tensor& x) {
  return sum(x, Dims{});
}

Tensor mean(const Tensor& x) {
  return mean(x, Dims{});
}

Tensor sum(const Tensor& given, const Dims& dims, Keep keep) {
  if (const auto cast = autocast::run(
          autocast::kFloat32OnGpu, [](const auto&... all) { return sum(all...); }, given, dims,
          keep))
    return *cast;
  const Tensor x = to(given, sum_dtype(given));
  const ReductionPlan plan = plan_reduction(x, dims, keep, "sum");
  const Tensor out = as_wanted(total_of(x, plan), plan);
  if (needs_record(x)) {
    record(
        "sum", out, std::array{x}, std::array<Tensor, 0>{},
        [sizes = x.sizes(), plan](const Node&, const Tensors& grads, Tensors& grad_inputs,
                                  const auto&) { grad_inputs[0] = spread(grads[0], plan, sizes); });
  }
  return out;
}

Tensor mean(const Tensor& x, const Dims& dims, Keep keep) {
  check_inexact(x, "mean");
  const ReductionPlan plan = plan_reduction(x, dims, keep, "mean");
  const auto count = static_cast<double>(plan.count);
  // Divided before rounding to 16 bits: the sum may be too large for them.
  const Tensor wide = is_half(x.dtype()) ? raw::to(x, DType::Float32) : x.detach();
  const Tensor divided = div(total_of(wide, plan), count);
  const Tensor out = as_wanted(raw::to(divided, x.dtype()), plan);
  if (needs_record(x)) {
    record("mean", out, std::array{x}, std::array<Tensor, 0>{},
           [sizes = x.sizes(), plan, count](const Node&, const Tensors& grads, Tensors& grad_inputs,
                                            const auto&) {
             grad_inputs[0] = spread(div(grads[0], count), plan, sizes);
           });
  }
  return out;
}

Tensor all(const Tensor& x, const Dims& dims, Keep keep) {
  return truth(ReduceOp::Min, x, dims, keep, "all");
}

Tensor any(const Tensor& x, const Dims& dims, Keep keep) {
  return truth(ReduceOp::Max, x, dims, keep, "any");
}

Tensor count_nonzero(const Tensor& x, const Dims& dims) {
  return sum(ne(x, 0), dims);
}

}  // namespace nw::ops
