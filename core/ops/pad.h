#pragma once

#include <array>

#include "core/tensor/tensor.h"

namespace nw::ops {

enum class PadMode : uint8_t { Zeros, Reflect, Replicate, Circular };

/// How many elements to add before and after each of the last dimensions, outermost first.
using Pads = SmallVector<std::array<int64_t, 2>, 3>;

/// x (…, spatial…) with its last `pads.size()` dimensions made larger. Reflect needs a pad smaller
/// than the size; circular one no larger, and exactly two dimensions in front. `op` starts the
/// error message. Source: torch.nn.functional.pad.
Tensor pad(const Tensor& x, const Pads& pads, PadMode mode, std::string_view op);

}  // namespace nw::ops
