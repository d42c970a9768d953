#pragma once

#include "core/tensor/tensor.h"

namespace nw::ops {

/// ‖x‖_p over the last dimension (of a scalar |x|): x (…, C) -> (…). p may be 0 (how many are not
/// 0, without gradient), negative or ±∞. Source: torch.linalg.vector_norm.
Tensor last_norm(const Tensor& x, double p);

/// ‖a − b + eps‖_p over the last dimension, with broadcasting.
/// Source: torch.nn.functional.pairwise_distance.
Tensor pairwise_distance(const Tensor& a, const Tensor& b, double p = 2, double eps = 1e-6);

}  // namespace nw::ops
