#pragma once

#include <functional>
#include <string>

#include "core/train/parallel.h"
#include "core/train/recorded_step.h"
#include "core/train/updates.h"

namespace nw::train {

/// What a run does with a batch: forward, backward and the update, recorded where the device can
/// (RecordedStep). Belongs to one thread.
class TrainingStep {
 public:
  /// All must outlive this; `ranks` may be null: there is one only.
  struct Run {
    graph::Model& model;
    Updates& updates;
    Ranks* ranks;
    Device device;
    bool classifies;                  // answers are counted
    std::function<void()> meanwhile;  // called while the device works
  };
  explicit TrainingStep(Run run);

  /// Forward and backward, and for an optimiser that looks at several points of the loss its whole
  /// step, which ends where the loss is no number. `step`: 1 for the first of the run.
  Look look(const data::Batch& batch, int64_t step);
  /// The update by the gradients of look().
  void update();
  /// RecordedStep::report(); empty on the CPU.
  std::string report() const { return run_.device == kCpu ? "" : steps_.report(); }

 private:
  StepWork work();
  Look see(const data::Batch& batch, int64_t step);
  ShareFigures see_share(const data::Batch& batch, Tensor* loss = nullptr);
  optim::Optimizer& optimizer() const { return run_.updates.optimizer(); }

  Run run_;
  RecordedStep steps_;
};

}  // namespace nw::train
