#pragma once

#include <string>
#include <vector>

#include "core/train/events.h"

namespace nw::cli {

/// Collects the curves of one run for curves.csv: one row for each training batch.
class Curves {
 public:
  void add(const train::StepDone& step);
  /// Puts the validation figures into the row of the epoch's last step.
  void add(const train::EpochDone& epoch);

  bool empty() const { return rows_.empty(); }
  /// CSV with a heading. Columns: step (1 for the first batch), epoch (1 for the first), train_loss
  /// and train_accuracy (means over the batch), validation_loss and validation_accuracy (after the
  /// epoch, on its last row; else empty), learning_rate (of the update by this batch). Accuracies
  /// are shares from 0 to 1, empty unless `classifies`.
  std::string csv(bool classifies) const;

 private:
  struct Row {
    train::StepDone step;
    std::optional<double> validation_loss;
    std::optional<double> validation_accuracy;
  };
  std::vector<Row> rows_;
};

}  // namespace nw::cli
