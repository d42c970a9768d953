#pragma once

#include <span>

#include "core/tensor/tensor.h"

namespace nw::cuda {

/// to[i] = from[i] for all i in one launch or few: dense tensors of one dtype, sizes alike.
void copy_each(std::span<const Tensor> from, std::span<const Tensor> to);

}  // namespace nw::cuda
