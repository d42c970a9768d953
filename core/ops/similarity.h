#pragma once

#include "core/tensor/tensor.h"

namespace nw::ops {

/// Σ a·b / (max(‖a‖, eps) · max(‖b‖, eps)) along `dim` of what a and b broadcast to, which goes;
/// floating point. Source: torch.nn.functional.cosine_similarity.
Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t dim = 1, double eps = 1e-8);

}  // namespace nw::ops
