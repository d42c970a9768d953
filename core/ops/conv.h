#pragma once

#include "core/backend/backend.h"
#include "core/tensor/tensor.h"

namespace nw::ops {

/// Cross-correlation in one to three spatial dimensions: x (N, C, spatial…) or (C, spatial…),
/// weight (out, C/groups, kernel…), bias (out) or undefined -> (N, out, spatial…), o = ⌊(L + 2·p −
/// d·(k−1) − 1)/s⌋ + 1. The kernel of `window` is taken from the weight. Throws Error with the
/// remedy in_channels when the channels do not fit.
/// Source: torch.nn.functional.conv1d, conv2d, conv3d.
Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias, Window window);

}  // namespace nw::ops
