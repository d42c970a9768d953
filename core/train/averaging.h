#pragma once

#include <memory>

#include "core/graph/model.h"
#include "core/optim/average.h"

namespace nw::train {

/// The moving average of a model's weights and of its statistics (running_mean of a norm), kept in
/// a second model that is evaluated in the first one's place. As torch's AveragedModel(model,
/// avg_fn, use_buffers=True).
class Averaging {
 public:
  /// What it takes to go on.
  struct State {
    nn::StateDict model;
    int64_t updates = 0;
  };

  /// `twin` is built like `model`, whose numbers it receives. `decay` is the share of the past.
  Averaging(std::unique_ptr<graph::Model> twin, const graph::Model& model, double decay);

  /// Takes up the model's numbers after an update of them.
  void follow(const graph::Model& model) { average_.update_parameters(model); }
  /// The same in two parts, of which the first can be recorded.
  void queue(const graph::Model& model) const { average_.queue_update(model); }
  void count() { average_.count_update(); }
  graph::Model& model() const { return *twin_; }

  /// Shares the numbers.
  State state() const { return {twin_->state_dict(), average_.n_averaged()}; }
  void load_state(const State& state);

 private:
  std::unique_ptr<graph::Model> twin_;
  optim::AveragedModel average_;
};

}  // namespace nw::train
