#pragma once

#include "core/nn/block.h"

namespace nw::nn {

/// Stands for the data set: its samples and their targets.
Block input_block();

}  // namespace nw::nn
