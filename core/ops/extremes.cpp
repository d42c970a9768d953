#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/promotion.h"
#include "core/ops/reduction.h"
#include "core/ops/reduction_plan.h"

// The largest and the smallest, and where they are.

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

void check_ordered(const Tensor& x, std::string_view op) {
  NW_CHECK(!is_complex(x.dtype()), "[", op, "] expects numbers with an order, gets ",
           name(x.dtype()));
}

/// Where x is what was chosen; NaN was if the choice is NaN.
Tensor chosen_in(const Tensor& x, const Tensor& value) {
  return logical_or(eq(x, value), logical_and(isnan(x), isnan(value)));
}

Tensor extreme_over(ReduceOp op, const Tensor& x, const Dims& dims, Keep keep,
                    std::string_view name) {
  check_ordered(x, name);
  const ReductionPlan plan = plan_reduction(x, dims, keep, name);
  NW_CHECK(plan.count > 0, "[", name, "] expects at least one number to choose from, gets ",
           to_string(x.sizes()));
  const Tensor kept = new_result(plan.kept, x);
  if (x.numel() > 0) kernels_of(x).reduce(op, x, kept);
  const Tensor out = plan.out == plan.kept ? kept : view_dense(kept, plan.out);
  if (needs_record(x)) {
    record(name, out, std::array{x}, std::array{x, out},
           [plan](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             const Dims& sizes = saved[0].sizes();
             const Tensor chosen = chosen_in(saved[0], spread(saved[1], plan, sizes));
             Dims reduced;
             for (size_t i = 0; i < sizes.size(); ++i) {
               if (plan.kept[i] != sizes[i]) reduced.push_back(static_cast<int64_t>(i));
             }
             const Tensor grad = view_dense(raw::contiguous(grads[0]), plan.kept);
             if (reduced.empty()) {  // each number was chosen from itself
               grad_inputs[0] = grad;
               return;
             }
             const Tensor count = to(sum(chosen, reduced, Keep::Yes), grad.dtype());
             grad_inputs[0] = where(chosen, div(grad, count), 0);
           });
  }
  return out;
}

/// x with dimension `dim` last, dense, as (rows, columns).
Tensor as_rows(const Tensor& x, size_t dim) {
  Dims sizes = x.sizes();
  Dims strides = x.strides();
  const int64_t size = sizes[dim];
  const int64_t stride = strides[dim];
  sizes.erase(dim);
  strides.erase(dim);
  sizes.push_back(size);
  strides.push_back(stride);
  const Tensor last = raw::contiguous(x.as_strided(sizes, strides, x.offset()));
  return view_dense(last, Dims{size == 0 ? 0 : x.numel() / size, size});
}

/// (values, indices) along a dimension, without history; values only where wanted.
std::pair<Tensor, Tensor> find(ReduceOp op, const Tensor& x, int64_t dim, Keep keep,
                               bool with_values, std::string_view name) {
  check_ordered(x, name);
  const int64_t wrapped = wrap_dim(dim, x.dim(), name);
  const ReductionPlan plan = plan_reduction(x, Dims{wrapped}, keep, name);
  NW_CHECK(plan.count > 0, "[", name, "] expects dimension ", dim, " to have a size above 0, gets ",
           to_string(x.sizes()));
  const Tensor values = with_values ? new_result(plan.out, x) : Tensor();
  const Tensor indices = empty(plan.out, DType::Int64, x.device());
  if (x.numel() > 0) {
    const Tensor rows = x.dim() == 0 ? view_dense(raw::contiguous(x), Dims{1, 1})
                                     : as_rows(x, static_cast<size_t>(wrapped));
    const Dims flat{rows.size(0)};
    kernels_of(x).extreme(op, rows, with_values ? view_dense(values, flat) : values,
                          view_dense(indices, flat));
  }
  return {values, indices};
}

std::pair<Tensor, Tensor> extreme_along(ReduceOp op, const Tensor& x, int64_t dim, Keep keep,
                                        std::string_view name) {
  const auto [values, indices] = find(op, x, dim, keep, true, name);
  if (needs_record(x)) {
    const ReductionPlan plan = plan_reduction(x, Dims{dim}, keep, name);
    record(name, values, std::array{x}, std::array{indices},
           [plan, sizes = x.sizes(), dim = wrap_dim(dim, x.dim(), name)](
               const Node&, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             const Tensor where_it_is = spread(saved[0], plan, sizes);
             // 0, 1, 2, … along the dimension
             const int64_t count = sizes.empty() ? 1 : sizes[static_cast<size_t>(dim)];
             const Tensor numbers = empty(Dims{count}, DType::Int64, saved[0].device());
             kernels_of(numbers).arange(0, 1, numbers);
             Dims line(sizes.size(), 1);
             if (!line.empty()) line[static_cast<size_t>(dim)] = count;
             const Tensor chosen = eq(where_it_is, view_dense(numbers, line));
             grad_inputs[0] = where(chosen, spread(grads[0], plan, sizes), 0);
           });
  }
  return {values, indices};
}

Tensor index_of(ReduceOp op, const Tensor& x, std::optional<int64_t> dim, Keep keep,
                std::string_view name) {
  if (dim) return find(op, x, *dim, keep, false, name).second;
  NW_CHECK(x.numel() > 0, "[", name, "] expects at least one number to choose from, gets ",
           to_string(x.sizes()));
  const Tensor flat = view_dense(raw::contiguous(x), Dims{x.numel()});
  const Tensor index = find(op, flat, 0, Keep::No, false, name).second;
  return keep == Keep::Yes ? view_dense(index, Dims(x.sizes().size(), 1)) : index;
}

}  // namespace

Tensor amax(const Tensor& x, const Dims& dims, Keep keep) {
  return extreme_over(ReduceOp::Max, x, dims, keep, "amax");
}
Tensor amin(const Tensor& x, const Dims& dims, Keep keep) {
  return extreme_over(ReduceOp::Min, x, dims, keep, "amin");
}
Tensor max(const Tensor& x) {
  return extreme_over(ReduceOp::Max, x, {}, Keep::No, "max");
}
Tensor min(const Tensor& x) {
  return extreme_over(ReduceOp::Min, x, {}, Keep::No, "min");
}

std::pair<Tensor, Tensor> max(const Tensor& x, int64_t dim, Keep keep) {
  return extreme_along(ReduceOp::Max, x, dim, keep, "max");
}
std::pair<Tensor, Tensor> min(const Tensor& x, int64_t dim, Keep keep) {
  return extreme_along(ReduceOp::Min, x, dim, keep, "min");
}

Tensor argmax(const Tensor& x, std::optional<int64_t> dim, Keep keep) {
  return index_of(ReduceOp::Max, x, dim, keep, "argmax");
}
Tensor argmin(const Tensor& x, std::optional<int64_t> dim, Keep keep) {
  return index_of(ReduceOp::Min, x, dim, keep, "argmin");
}

}  // namespace nw::ops
