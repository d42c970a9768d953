#pragma once

#include <functional>
#include <optional>

#include "core/data/dataset.h"
#include "core/graph/model.h"

namespace nw::train {

struct Evaluation {
  double loss = 0;      // mean over the samples
  double accuracy = 0;  // share; 0 when the model does not learn classes
  int64_t samples = 0;  // seen
};

/// Loss and accuracy of `model` in eval mode, without recording, over the samples in their order;
/// restores its mode. Draws nothing from default_generator(). `keep_going` is asked before each
/// batch (may be empty); when it says no, the figures cover the samples seen. Throws Error for an
/// empty data set.
Evaluation evaluate(graph::Model& model, const data::Dataset& dataset, int64_t batch_size,
                    const std::function<bool()>& keep_going = {});

/// How many of the predictions (N, C) have their largest number at the class of `target` (N) int64;
/// nothing when they are not of these kinds.
std::optional<int64_t> count_correct(const Tensor& prediction, const Tensor& target);

}  // namespace nw::train
