#pragma once

#include <span>
#include <vector>

#include "core/tensor/tensor.h"

namespace nw::dist {

/// For each of the leaves, whether backward from `outputs` leads to it.
std::vector<bool> leads_to(const Tensors& outputs, std::span<const Tensor> leaves);

}  // namespace nw::dist
