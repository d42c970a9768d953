#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/data/loader.h"
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

/// What one batch of an evaluation gave on a rank.
struct BatchFigures {
  double loss = 0;      // as the graph's loss gives it
  double weight = 0;    // what it counts in a mean over ranks (graph::Model::loss_weight)
  int64_t correct = 0;  // 0 when the model does not learn classes
  int64_t samples = 0;  // of the whole batch, over all ranks
};

/// The batches of an evaluation one by one, each with a rank's share of its samples; a batch of
/// which it has none gives no loss.
std::vector<BatchFigures> evaluate_batches(graph::Model& model, const data::Dataset& dataset,
                                           int64_t batch_size,
                                           const std::function<bool()>& keep_going,
                                           data::Share share = {});
/// The evaluation that batches make up whose figures are those of all ranks.
Evaluation evaluation_of(const graph::Model& model, std::span<const BatchFigures> batches);

/// The same number, where the predictions are: one element, int64, or undefined for other kinds.
Tensor correct_of(const Tensor& prediction, const Tensor& target);
/// How many of the predictions (N, C) have their largest number at the class of `target` (N) int64;
/// nothing when they are not of these kinds.
std::optional<int64_t> count_correct(const Tensor& prediction, const Tensor& target);

}  // namespace nw::train
