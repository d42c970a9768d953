#pragma once

#include <string_view>

#include "core/ops/reduction.h"

namespace nw::ops {

/// Sizes of the result of a reduction: with the reduced dimensions as 1, and as the caller wants
/// them.
struct ReductionPlan {
  Dims kept;
  Dims out;
  int64_t count = 1;  // elements that go into one result
};

/// For reducing x over `dims`, all when empty. Throws Error for a dimension that is not there or
/// named twice; `op` starts the message.
ReductionPlan plan_reduction(const Tensor& x, const Dims& dims, Keep keep, std::string_view op);

/// A gradient of the result's sizes repeated over x's, as a view.
Tensor spread(const Tensor& grad, const ReductionPlan& plan, const Dims& x_sizes);

/// int64 for whole numbers and bool, else x's own dtype.
DType sum_dtype(const Tensor& x);

}  // namespace nw::ops
