#pragma once

#include <utility>

#include "core/backend/backend.h"
#include "core/tensor/tensor.h"

/// Pooling of x (N, C, spatial…) or (C, spatial…) with one to three spatial dimensions, as many as
/// the window has; floating point. Results keep channels that are innermost in memory there.
namespace nw::ops {

/// Whether windows may start inside and end outside the padded input (ceil_mode).
enum class Rounding : uint8_t { Down, Up };

/// The largest of each window -> the same with o = ⌊(L + 2·p − d·(k−1) − 1 [+ s − 1 when rounding
/// up])/s⌋ + 1. NaN wins; the first of equals wins.
/// Source: torch.nn.functional.max_pool1d, max_pool2d, max_pool3d.
Tensor max_pool(const Tensor& x, const Window& window, Rounding rounding);
/// Also gives where it came from: int64, flat within each plane.
std::pair<Tensor, Tensor> max_pool_with_indices(const Tensor& x, const Window& window,
                                                Rounding rounding);

/// The mean of each window, sizes as max_pool.
/// Source: torch.nn.functional.avg_pool1d, avg_pool2d, avg_pool3d.
Tensor avg_pool(const Tensor& x, const Window& window, Rounding rounding, const AvgPoolMode& mode);

/// (Σ xᵖ)^(1/p) of each window without padding, sizes as max_pool; p is `norm_type`.
/// Source: torch.nn.functional.lp_pool1d, lp_pool2d.
Tensor lp_pool(const Tensor& x, double norm_type, const Window& window, Rounding rounding);

/// Puts each element back where max_pool_with_indices took it from, among zeros: the spatial sizes
/// become `output_size`, or without it o = (L − 1)·s − 2·p + k. Throws Error for an index outside.
/// Source: torch.nn.functional.max_unpool1d, max_unpool2d, max_unpool3d.
Tensor max_unpool(const Tensor& x, const Tensor& indices, const Window& window,
                  const SmallVector<int64_t, 3>& output_size);

/// Sizes of adaptive pooling's result; −1: as the input's.
using OutputSize = SmallVector<int64_t, 3>;

/// The mean of windows that divide the input as evenly as can be: window i of o goes from ⌊i·L/o⌋
/// to ⌈(i + 1)·L/o⌉. Source: torch.nn.functional.adaptive_avg_pool1d, adaptive_avg_pool2d,
/// adaptive_avg_pool3d.
Tensor adaptive_avg_pool(const Tensor& x, const OutputSize& output_size);
/// The largest of each such window, and where it came from, as max_pool_with_indices.
/// Source: torch.nn.functional.adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d.
std::pair<Tensor, Tensor> adaptive_max_pool(const Tensor& x, const OutputSize& output_size);

/// The largest of windows of `kernel` that lie almost evenly in each plane, `output_size` of them,
/// and where it came from, as max_pool_with_indices. Chance moves them: samples (N, C, spatial) are
/// in [0, 1), one for each plane and direction, in two dimensions that of the width first. Throws
/// Error where windows do not fit. Source: torch.nn.functional.fractional_max_pool2d,
/// fractional_max_pool3d; Graham 2014.
std::pair<Tensor, Tensor> fractional_max_pool(const Tensor& x, const OutputSize& kernel,
                                              const OutputSize& output_size, const Tensor& samples);

}  // namespace nw::ops
