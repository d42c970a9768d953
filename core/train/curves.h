#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor/tensor.h"
#include "core/train/curve_rows.h"
#include "core/train/events.h"

namespace nw::train {

/// The curves of one run, a row for each training batch. Rows that are complete are kept packed,
/// some bytes each, and copies share them: to copy or save the curves of a long run takes little.
/// Value type.
class Curves {
 public:
  Curves() = default;
  /// From numbers() of another one, or what checkpoints of earlier versions have: (rows, 7)
  /// float64, NaN where there is nothing. Throws Error for any other tensor.
  explicit Curves(const Tensor& numbers);

  void add(const StepDone& step);
  /// Puts the validation figures into the row of the epoch's last step.
  void add(const EpochDone& epoch);

  bool empty() const { return packed_.empty() && rows_.empty(); }
  /// CSV with a heading. Columns: step (1 for the first batch), epoch (1 for the first), train_loss
  /// and train_accuracy (means over the batch), validation_loss and validation_accuracy (after the
  /// epoch, on its last row; else empty), learning_rate (of the update by this batch). Accuracies
  /// are shares from 0 to 1, empty unless `classifies`.
  std::string csv(bool classifies) const;
  /// All of it as (bytes) uint8, see pack().
  Tensor numbers() const;

 private:
  using Packed = std::shared_ptr<const std::vector<uint8_t>>;

  void add(const CurveRow& row);
  void each(const std::function<void(const CurveRow& row)>& action) const;

  std::vector<Packed> packed_;
  std::vector<CurveRow> rows_;  // the last ones
};

}  // namespace nw::train
