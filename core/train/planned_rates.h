#pragma once

#include <vector>

#include "core/graph/project.h"

namespace nw::train {

/// The learning rate over a run, told before it begins: what its schedulers make of it.
struct PlannedRates {
  /// Of each batch, or of each epoch when it changes between epochs only; may end before the run.
  /// Empty: not known before the data are there.
  std::vector<double> rates;
  int64_t per_epoch = 1;  // how many of them an epoch has
  /// A scheduler looks at the validation: without a better figure it lowers the rate, which is not
  /// in `rates`.
  bool depends_on_validation = false;
};

/// Steps the schedulers themselves on one weight, at most `most` times. `train_samples`: the data
/// set's, 0 where they are not known. Throws Error for settings with a problem.
PlannedRates planned_rates(const graph::RunSettings& settings, int64_t train_samples,
                           int64_t most = 100'000);

}  // namespace nw::train
