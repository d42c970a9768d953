#pragma once

#include <memory>
#include <span>
#include <string>

#include "core/dist/distributed.h"
#include "core/graph/model.h"
#include "core/graph/project.h"
#include "core/optim/recordable_step.h"
#include "core/train/recorded_step.h"

namespace nw::cli {

/// A network that the bench trains, drawn as a graph.
struct BenchNet {
  std::string name;  // as on the command line
  std::string title;
  int64_t batch;
  data::Signature data;
  int64_t tokens = 0;  // integers below it go in; 0: numbers from 0 to 1
  graph::Choice optimizer;
  graph::Graph graph;
};

/// The nets of the bench.
std::span<const BenchNet> bench_nets();

/// The same training step in PyTorch: Python that sets model, loss_fn, optimizer, x and target.
std::string torch_code(const BenchNet& net);

/// Of one step, microseconds.
struct StepTimes {
  double loss_us = 0;
  double update_us = 0;
};

/// Whether steps may be recorded where the device can, as a Trainer does.
enum class Recording : uint8_t { Allowed, Never };

/// A built net with one batch of random data, ready to be trained step by step as a Trainer does.
class BenchStep {
 public:
  explicit BenchStep(const BenchNet& net, Device device = kCpu,
                     Recording recording = Recording::Allowed);
  /// As one rank of a group, which averages the gradients.
  BenchStep(const BenchNet& net, std::shared_ptr<dist::ProcessGroup> group);

  /// Forward, loss, backward and update; returns the loss.
  double run();
  /// The same, measured; what is not told is forward and backward of the model.
  StepTimes run_timed();
  nn::Module& model() { return *model_; }
  Device device() const { return target_.device(); }
  /// How many steps were replayed from a recording, and why none is made, or none of the update;
  /// empty: it is.
  int64_t replays() const { return recorded_ == nullptr ? 0 : recorded_->replays(); }
  std::string refusal() const {
    if (recorded_ == nullptr) return {};
    return recorded_->refusal().empty() ? recorded_->update_refusal() : recorded_->refusal();
  }
  /// Where the time of the last step went, for one of several ranks.
  const dist::StepTimes& last_times() const { return ddp_->reducer().last_step(); }

 private:
  Tensor forward(StepTimes& times);
  train::StepWork work();

  std::shared_ptr<graph::Model> model_;
  std::unique_ptr<dist::DistributedDataParallel> ddp_;  // null: alone
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::unique_ptr<optim::RecordableStep> recordable_;
  std::unique_ptr<train::RecordedStep> recorded_;  // null: steps are done one by one
  Tensor x_;
  Tensor target_;
};

}  // namespace nw::cli
