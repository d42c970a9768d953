#pragma once

#include <string>
#include <string_view>

#include "core/tensor/tensor.h"

namespace nw::test {

/// Where two tensors differ by more than torch.testing's tolerance for their dtype (float32: 1.3e-6
/// relative + 1e-5 absolute; float64: 1e-7 + 1e-7; float16: 1e-3, bfloat16: 1.6e-2 of both;
/// integers: none; NaN equals NaN), with the first index and both values; or in dtype or sizes.
/// Empty: nowhere. `slack` multiplies the tolerance.
std::string difference(const Tensor& ours, const Tensor& theirs, std::string_view what,
                       double slack = 1);

/// The same without any tolerance.
std::string bit_difference(const Tensor& ours, const Tensor& theirs, std::string_view what);

}  // namespace nw::test
