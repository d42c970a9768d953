#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor/tensor.h"

namespace nw::cuda {

/// The words in the memory of the tensor's device, int64. What was brought there before is kept, so
/// that a step that repeats sends nothing.
Tensor uploaded(std::vector<int64_t> words, const Tensor& like);

}  // namespace nw::cuda
