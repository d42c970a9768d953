#pragma once

#include <array>

#include "core/tensor/scalar.h"
#include "core/tensor/tensor.h"

namespace nw::ops {

/// What padding holds: one number, or the input's own, mirrored (the edge itself not repeated), its
/// edge, or its other side.
enum class PadMode : uint8_t { Zeros, Reflect, Replicate, Circular };

/// How many elements to add before and after each of the last dimensions, outermost first; fewer
/// than none takes some away.
using Pads = SmallVector<std::array<int64_t, 2>, kMaxDims>;

/// x (…, spatial…) with its last `pads.size()` dimensions made larger. Reflect needs pads smaller
/// than the size and circular ones no larger; both and Replicate take one to three dimensions with
/// one or two (circular: two) in front. Zeros takes every dtype and fills with `value`. `op` starts
/// the error message. Source: torch.nn.functional.pad.
Tensor pad(const Tensor& x, const Pads& pads, PadMode mode, std::string_view op,
           const Scalar& value = 0);

}  // namespace nw::ops
