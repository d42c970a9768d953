#pragma once

#include <optional>

#include "core/graph/project.h"
#include "core/optim/grad_scaler.h"
#include "core/optim/recordable_step.h"
#include "core/optim/schedule.h"
#include "core/train/averaging.h"
#include "core/train/checkpoint.h"
#include "core/train/recorded_step.h"

namespace nw::train {

/// What changes the weights in a run, in the order of the usual PyTorch script: the loss is scaled
/// for float16, gradients are scaled back and clipped, the optimiser steps unless they are not
/// finite, the average of the weights follows them, the learning rate follows its schedulers. Not
/// thread-safe.
class Updates {
 public:
  /// `model` must outlive this; draws nothing from default_generator(). `batches`: of an epoch.
  /// Throws Error for settings that do not go together.
  Updates(const graph::Project& project, const data::Signature& data, graph::Model& model,
          int64_t batches);

  optim::Optimizer& optimizer() const { return *optimizer_; }
  const optim::Schedule& schedule() const { return schedule_; }
  /// What backward() is called with.
  Tensor scaled(const Tensor& loss) { return scaler_.scale(loss); }
  /// Between backward() and the optimiser's step: scales back and clips.
  void take_gradients();
  /// The average takes up the weights after a step; update() does it, too.
  void follow();
  /// From take_gradients() to follow(), as a part of a training step that can be recorded.
  StepWork::Update update();
  /// After the update by a batch (1 for the first) of an epoch (1 for the first).
  void after_batch(int64_t epoch, int64_t batch) { schedule_.after_batch(epoch, batch); }
  /// After an epoch's validation.
  void after_epoch(const optim::Schedule::Figures& figures) { schedule_.after_epoch(figures); }

  bool averages() const { return averaging_.has_value(); }
  /// The model to evaluate and to keep: the average where there is one.
  graph::Model& evaluated() const { return averages() ? averaging_->model() : model_; }

  /// Puts copies of all that it holds into a checkpoint, and takes it up from there.
  void save(Checkpoint& checkpoint) const;
  void load(const Checkpoint& checkpoint);

 private:
  void clip();
  void run_update();
  void queue_update();
  void finish_update();

  graph::Model& model_;
  std::vector<Tensor> params_;
  std::optional<double> clip_norm_;
  std::optional<double> clip_value_;
  optim::GradScaler scaler_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::unique_ptr<optim::RecordableStep> recordable_;  // null: it takes a closure
  Tensor found_;  // of the queued update: not 0 where a gradient was not finite
  optim::Schedule schedule_;
  std::optional<Averaging> averaging_;
};

}  // namespace nw::train
