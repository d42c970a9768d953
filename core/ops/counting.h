#pragma once

#include "core/tensor/tensor.h"

/// What stands how often in a tensor. How large the results are depends on the numbers: not on
/// meta. The names and rules are torch's.
namespace nw::ops {

struct Unique {
  Tensor values;   // each one once, in rising order; of x's dtype
  Tensor inverse;  // int64, of x's sizes: which of the values stands there
  Tensor counts;   // int64: how often each one stands
};
/// Real and whole numbers and bool; each NaN is one of its own.
Unique unique(const Tensor& x);

/// How often 0, 1, 2, … stand in a row of whole numbers from 0 on -> int64 (n), n one more than the
/// largest, and at least `least_size`.
Tensor bincount(const Tensor& x, int64_t least_size = 0);
/// The sums of `weights` (as many as x has numbers) instead of counts, in float32 or float64; of
/// nothing int64.
Tensor bincount(const Tensor& x, const Tensor& weights, int64_t least_size = 0);

}  // namespace nw::ops
