#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/dist/step_times.h"

namespace nw::train {

/// Value structs that a Trainer hands out from its thread; none refers to live tensors.

/// The run is about to see its first batch.
struct Started {
  int64_t epochs = 0;
  int64_t batches = 0;  // in one epoch
  int64_t train_samples = 0;
  int64_t validation_samples = 0;
  int64_t test_samples = 0;
  bool classifies = false;  // accuracies are meaningful
  bool averages = false;    // the average of the weights is validated, tested and kept
  bool schedules = false;   // the learning rate changes
};

/// After each training batch.
struct StepDone {
  int64_t step = 0;                         // 1 for the first of the run
  int64_t epoch = 0;                        // 1 for the first
  int64_t batch = 0;                        // 1 for the first of the epoch
  double loss = 0;                          // mean over the batch
  double accuracy = 0;                      // share, 0 … 1
  double samples_per_second = 0;            // of late
  double seconds_left = 0;                  // estimate for the whole run
  double learning_rate = 0;                 // of this update, in the first group
  std::vector<dist::StepTimes> ranks = {};  // of each rank; empty: there is one only
};

/// After each epoch. Training figures are means over the epoch's samples, as the model learned.
struct EpochDone {
  int64_t epoch = 0;
  int64_t step = 0;
  double train_loss = 0;
  double train_accuracy = 0;
  std::optional<double> validation_loss;
  std::optional<double> validation_accuracy;
  double seconds = 0;
  /// Of a run on a GPU, once: whether its steps are recorded and replayed, or why not.
  std::string note = {};
};

struct Paused {
  int64_t step = 0;
};
struct Resumed {
  int64_t step = 0;
};

enum class Outcome : uint8_t { Completed, Stopped, Diverged, Failed };

/// The last event of every run.
struct Finished {
  Outcome outcome = Outcome::Completed;
  std::string text;  // why, for Diverged and Failed: what, where, what to do
  int64_t step = 0;
  double seconds = 0;
  std::optional<double> test_loss;
  std::optional<double> test_accuracy;
};

using Event = std::variant<Started, StepDone, EpochDone, Paused, Resumed, Finished>;

}  // namespace nw::train
