#pragma once

#include "core/data/dataset.h"
#include "core/graph/model.h"

namespace nw::train {

struct Evaluation {
  double loss = 0;      // mean over the samples
  double accuracy = 0;  // share; 0 when the data set has no classes
  int64_t samples = 0;
};

/// Loss and accuracy of `model` in eval mode, without recording; restores its mode. `keep_going` is
/// asked between batches (may be empty); when it says no, the figures cover the samples seen.
Evaluation evaluate(graph::Model& model, const data::Dataset& dataset, int64_t batch_size,
                    const std::function<bool()>& keep_going = {});

}  // namespace nw::train
