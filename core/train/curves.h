#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/tensor/tensor.h"
#include "core/train/events.h"

namespace nw::train {

/// The curves of one run, a row for each training batch. Value type.
class Curves {
 public:
  Curves() = default;
  /// From numbers() of another one. Throws Error for any other tensor.
  explicit Curves(const Tensor& numbers);

  void add(const StepDone& step);
  /// Puts the validation figures into the row of the epoch's last step.
  void add(const EpochDone& epoch);

  bool empty() const { return rows_.empty(); }
  /// CSV with a heading. Columns: step (1 for the first batch), epoch (1 for the first), train_loss
  /// and train_accuracy (means over the batch), validation_loss and validation_accuracy (after the
  /// epoch, on its last row; else empty), learning_rate (of the update by this batch). Accuracies
  /// are shares from 0 to 1, empty unless `classifies`.
  std::string csv(bool classifies) const;
  /// (rows, 7) float64 in the order of the CSV's columns, NaN where there is nothing.
  Tensor numbers() const;

 private:
  struct Row {
    int64_t step = 0;
    int64_t epoch = 0;
    double loss = 0;
    double accuracy = 0;
    std::optional<double> validation_loss;
    std::optional<double> validation_accuracy;
    double learning_rate = 0;
  };
  std::vector<Row> rows_;
};

}  // namespace nw::train
