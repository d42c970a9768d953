#pragma once

#include "core/backend/backend.h"
#include "core/tensor/tensor.h"

/// Convolutions of floating-point and complex tensors. With many channels in float32 their results
/// have the channels innermost in memory (Tensor::is_channels_last), and so has everything behind
/// them that keeps its input's layout.
namespace nw::ops {

/// Cross-correlation in one to three spatial dimensions: x (N, C, spatial…) or (C, spatial…),
/// weight (out, C/groups, kernel…), bias (out) or undefined -> (N, out, spatial…), o = ⌊(L + 2·p −
/// d·(k−1) − 1)/s⌋ + 1. The kernel of `window` is taken from the weight. Throws Error with the
/// remedy in_channels when the channels do not fit.
/// Source: torch.nn.functional.conv1d, conv2d, conv3d.
Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias, Window window);

/// The transposed map, which spreads each element of x over a window of y: x (N, C, spatial…) or
/// (C, spatial…), weight (C, out/groups, kernel…), bias (out) or undefined -> (N, out, spatial…),
/// o = (L − 1)·s − 2·p + d·(k − 1) + output_padding + 1. Errors as conv's.
/// Source: torch.nn.functional.conv_transpose1d, conv_transpose2d, conv_transpose3d.
Tensor conv_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias, Window window,
                      const SmallVector<int64_t, 3>& output_padding);

}  // namespace nw::ops
