#pragma once

#include "core/graph/flow.h"
#include "core/graph/structure.h"

namespace nw::graph {

/// Checks that need shapes of several nodes at once: what the network answers against what the data
/// set asks, and designs that work badly. Adds to `out.problems`.
void lint(const Structure& structure, const data::Signature& data, const Flows& flows,
          Inference& out);

}  // namespace nw::graph
