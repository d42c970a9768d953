#pragma once

#include <memory>
#include <optional>

#include "core/graph/model.h"
#include "core/train/checkpoint.h"
#include "core/train/run_control.h"
#include "core/train/updates.h"

namespace nw::train {

/// Sums over the batches of an epoch.
struct EpochSums {
  double loss = 0;
  int64_t correct = 0;
  int64_t samples = 0;

  double mean_loss() const { return loss / static_cast<double>(samples); }
  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(samples); }
};

/// How far a run has come, between two batches.
struct Progress {
  int64_t step = 0;
  int64_t epoch = 0;  // 0: nothing is prepared yet
  int64_t batch = 0;  // of the epoch
  Generator generator;
  Generator epoch_generator;  // as it was when the epoch's order was drawn
};

/// What the batches of a run change and what others copy meanwhile: model, optimiser, and how far
/// it has come. The run changes it inside a Turnstile::Batch; weights() and checkpoint() are for
/// any thread inside a Turnstile::Visit.
struct LiveState {
  mutable Turnstile turnstile;
  std::unique_ptr<graph::Model> model;  // null until it is built, as is `updates`
  std::unique_ptr<Updates> updates;
  EpochSums sums;
  Progress progress;
  Curves curves;

  /// A copy: of the model that is evaluated, or of the one that the optimiser changes.
  nn::StateDict weights(bool trained) const;
  /// A copy of all but what must be the same in the run that goes on from it; nothing before the
  /// first epoch is begun.
  std::optional<Checkpoint> checkpoint() const;
  /// Model and optimiser become the checkpoint's.
  void load(const Checkpoint& checkpoint);

  /// An epoch begins after `step` steps.
  void begin_epoch(int64_t step, int64_t epoch);
  /// In that epoch, the checkpoint's batches are done.
  void skip_to(const Checkpoint& checkpoint);
  /// A batch is over, with so many right answers among its samples.
  void end_batch(const StepDone& done, int64_t correct, int64_t samples);
  /// The epoch is over: a checkpoint stands at the beginning of the next one.
  void end_epoch(const EpochDone& done);
};

}  // namespace nw::train
