#pragma once

#include "core/tensor/tensor.h"

/// Memory layouts of images (N, C, spatial…). Without history.
namespace nw::ops {

/// Channels innermost, and not also row-major (as where there is one channel).
bool is_channels_innermost(const Tensor& x);
/// `x` if its channels are innermost already, else such a copy.
Tensor channels_innermost(const Tensor& x);
/// Memory of the dtype and on the device of `like`, with the channels innermost.
Tensor new_channels_innermost(const Dims& sizes, const Tensor& like);
/// `x`, or a copy, in one of the two layouts: with its channels innermost or row-major.
Tensor laid_out(const Tensor& x, bool innermost);
/// Memory in one of the two layouts.
Tensor new_laid_out(const Dims& sizes, const Tensor& like, bool innermost);

}  // namespace nw::ops
