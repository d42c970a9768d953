#pragma once

#include "core/data/dataset.h"
#include "core/graph/model.h"

namespace nw::train {

/// The largest batch below `tried` whose forward and backward pass fits into the memory of the
/// model's device: passes of smaller batches are run, and the bytes that they take at most tell how
/// far to go. 0: not even one sample fits. Leaves the model's numbers and default_generator() as
/// they are, and no gradients.
int64_t largest_batch(graph::Model& model, const data::Dataset& dataset, int64_t tried);

}  // namespace nw::train
