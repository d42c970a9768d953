#pragma once

#include "core/backend/backend.h"
#include "core/tensor/tensor.h"

/// Images to other sizes, floating point.
namespace nw::ops {

enum class Interpolation : uint8_t { Nearest, NearestExact, Linear, Cubic, Area };

/// How far apart the samples of interpolate() lie.
struct Grid {
  /// What the sizes are multiplied by, one for each spatial dimension; empty: `sizes` tells.
  SmallVector<double, 3> scales = {};
  SmallVector<int64_t, 3> sizes = {};  // of the result; empty: `scales` tells
  /// Whether the distances follow from the sizes, although scales were given.
  bool recompute = false;
  /// The corners' centres stay in place; otherwise their outer edges do. Linear and Cubic only.
  bool align_corners = false;
};

/// x (N, C, spatial…) with other spatial sizes. Nearest, NearestExact, Linear and Area take one to
/// three spatial dimensions, Cubic two; Area averages as adaptive_avg_pool. Beyond the edges lie
/// copies of the edge. Source: torch.nn.functional.interpolate.
Tensor interpolate(const Tensor& x, const Grid& grid, Interpolation mode);

/// Windows as columns: x (N, C, H, W) or (C, H, W) -> (N, C·kh·kw, windows).
/// Source: torch.nn.functional.unfold.
Tensor unfold(const Tensor& x, const Window& window);
/// Adds up overlapping windows: columns (N, C·kh·kw, windows) or without N -> (N, C, H, W) with
/// `output_size` H, W. Source: torch.nn.functional.fold.
Tensor fold(const Tensor& columns, const SmallVector<int64_t, 3>& output_size,
            const Window& window);

/// x (…, C·r², H, W) -> (…, C, H·r, W·r). Source: torch.nn.functional.pixel_shuffle.
Tensor pixel_shuffle(const Tensor& x, int64_t factor);
/// The inverse: x (…, C, H·r, W·r) -> (…, C·r², H, W). Source: torch.nn.functional.pixel_unshuffle.
Tensor pixel_unshuffle(const Tensor& x, int64_t factor);
/// x (N, C, spatial…) with the channels of the groups taken in turns.
/// Source: torch.nn.ChannelShuffle.
Tensor channel_shuffle(const Tensor& x, int64_t groups);

}  // namespace nw::ops
