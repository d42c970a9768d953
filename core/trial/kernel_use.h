#pragma once

#include <set>
#include <string>

#include "core/nn/block.h"

namespace nw::trial {

/// The names of the kernels that a block runs, forward and backward, in float32, with whatever
/// arguments: found by running drawn cases on meta.
std::set<std::string> kernels_of_block(const nn::Block& block);

}  // namespace nw::trial
