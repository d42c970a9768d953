#pragma once

#include <optional>

#include "core/nn/block.h"
#include "core/nn/python_syntax.h"

namespace nw::codegen {

/// The arguments of a layer of which print(model) shows the layers that it is made of:
///     MultiheadAttention(num_heads=4,
///       (out_proj): NonDynamicallyQuantizableLinear(in_features=16, out_features=16, bias=True)
///     )
/// They are those with which it prints just so. What print does not tell stands in front of the
/// layers, as here num_heads; throws Error, with its name, where it is missing. Nothing when no
/// arguments print so.
std::optional<nn::Args> arguments_of_print(const nn::Block& block, const nn::Syntax& call);

}  // namespace nw::codegen
