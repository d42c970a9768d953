#pragma once

#include <QStringList>

#include "core/graph/infer.h"
#include "core/nn/block.h"
#include "widgets/inspector/section.h"

namespace nw::widgets {

/// Where the parameters come from: "weight 6×1×5×5 + bias 6"; empty without parameters or while an
/// argument is missing.
QString parameterBreakdown(const nn::Block& block, const nn::Args& args);

/// What flows into and out of a block, one fact a port. `inputs` as Inspector::showNode.
QVector<FactList::Fact> shapeFacts(const nn::Block& block, const graph::NodeInfo& info,
                                   const QStringList& inputs);

/// What a block costs: parameters, multiply-adds, memory of what it puts out.
QVector<FactList::Fact> costFacts(const nn::Block& block, const graph::NodeInfo& info);

}  // namespace nw::widgets
