#pragma once

#include "core/nn/block.h"
#include "core/ops/loss.h"

namespace nw::nn {

/// "none", "mean" or "sum"; `op` starts the error message.
ops::Reduction reduction_from_text(std::string_view text, std::string_view op);
/// The parameter `reduction` that losses share.
Param reduction_param();
/// Shelf and ports that losses share.
Block loss_block();

}  // namespace nw::nn
