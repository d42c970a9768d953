#pragma once

#include <utility>

#include "core/backend/backend.h"
#include "core/tensor/tensor.h"

namespace nw::ops {

/// Whether windows may start inside and end outside the padded input (ceil_mode).
enum class Rounding : uint8_t { Down, Up };

/// The largest of each window: x (N, C, spatial…) or (C, spatial…) -> the same with o = ⌊(L + 2·p −
/// d·(k−1) − 1 [+ s − 1 when rounding up])/s⌋ + 1. NaN wins; the first of equals wins.
/// Source: torch.nn.functional.max_pool2d.
Tensor max_pool(const Tensor& x, const Window& window, Rounding rounding);
/// Also gives where it came from: int64, flat within each plane.
std::pair<Tensor, Tensor> max_pool_with_indices(const Tensor& x, const Window& window,
                                                Rounding rounding);

/// The mean of each window, sizes as max_pool. Source: torch.nn.functional.avg_pool2d.
Tensor avg_pool(const Tensor& x, const Window& window, Rounding rounding, const AvgPoolMode& mode);

}  // namespace nw::ops
