#pragma once

#include <functional>
#include <memory>

#include "core/graph/project.h"
#include "core/nn/module.h"
#include "core/train/events.h"

namespace nw::train {

/// Trains one project on the calling thread. run() returns when the run ended and never throws: a
/// failure is the Finished event. The other members may be called from any thread and take effect
/// between two batches. Owns model, data and optimiser; they stay usable after the run (the model
/// is kept).
class Trainer {
 public:
  using Sink = std::function<void(const Event&)>;

  /// `sink` is called on the thread of run().
  Trainer(graph::Project project, Sink sink);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  void run();

  void pause();
  void resume();
  void stop();
  /// Trains exactly one batch and pauses.
  void step();

  /// A copy of the weights as they are between two batches; waits for the current batch at most.
  /// Empty entries before the model exists.
  nn::StateDict state_dict() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nw::train
