#pragma once

#include <optional>

#include "core/codegen/expression.h"
#include "core/graph/infer.h"
#include "core/graph/structure.h"

namespace nw::codegen {

/// Draws the model: an Input, its layers one after the other, and a loss, in columns from left to
/// right. Layers have torch's keys as names where they are not their positions. A loss at the
/// model's end is the drawing's; else `loss`, a block's id, is added. Throws Error, with its place,
/// for what a drawing cannot hold: a dtype, a loss in the middle, a layer that needs two inputs.
graph::Graph to_graph(const Expression& model, std::string_view loss = "CrossEntropyLoss");

/// The layers of a drawing as an nn.Sequential, if they are a chain from the Input to the loss;
/// else nothing. Throws Error when a size that the wire should tell is not known.
std::optional<Expression> to_expression(const graph::Structure& structure,
                                        const graph::Inference& inference);

/// The arguments of a node that torch's constructor takes. Throws Error when one is not known.
nn::Args constructor_args(const graph::Node& node, const graph::Inference& inference);

}  // namespace nw::codegen
