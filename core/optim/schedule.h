#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/optim/scheduler.h"

namespace nw::optim {

/// A scheduler of a training, and when it is stepped.
struct ScheduleItem {
  const SchedulerSpec* spec = nullptr;
  nn::Args args;  // checked
  StepAt step_at = StepAt::Epoch;
};

/// The learning rate rises evenly to its full height over so many batches: 1/(n+1), 2/(n+1), …
ScheduleItem warmup_item(int64_t batches);

/// The schedulers of one training, each stepped when its description says, in their order, each on
/// the rates that the others leave, as torch's ChainedScheduler. None: the rates stay as they are.
/// Not thread-safe.
class Schedule {
 public:
  /// How long the training is.
  struct Length {
    int64_t epochs = 0;
    int64_t batches = 0;  // of an epoch
  };
  /// What schedulers that need a metric may look at.
  struct Figures {
    std::optional<double> loss;
    std::optional<double> accuracy;
  };

  Schedule() = default;
  /// Makes the schedulers, with the arguments that the length tells; the optimiser must outlive
  /// them. Throws Error for those that do not go together or with the optimiser.
  Schedule(const std::vector<ScheduleItem>& items, Optimizer& optimizer, Length length);

  bool empty() const { return parts_.empty(); }
  /// Throws Error when the training has more steps than a scheduler is made for.
  void check_length() const;
  /// Throws Error when a scheduler needs a figure that the training does not have.
  void check_figures(bool has_loss, bool has_accuracy) const;

  /// After the update by a batch (1 for the first) of an epoch (1 for the first).
  void after_batch(int64_t epoch, int64_t batch);
  /// After an epoch and its validation; the figures that check_figures() asked for are there.
  void after_epoch(const Figures& figures);

  /// Ids and states, in their order.
  using State = std::vector<std::pair<std::string, StateEntries>>;
  State state() const;
  /// Throws Error when it is the state of other schedulers.
  void load_state(const State& state);

 private:
  struct Part {
    ScheduleItem item;
    std::unique_ptr<Scheduler> scheduler;
    bool more_is_better() const;
  };
  std::vector<Part> parts_;
  Length length_;
};

}  // namespace nw::optim
