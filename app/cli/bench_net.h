#pragma once

#include <memory>
#include <span>
#include <string>

#include "core/graph/model.h"
#include "core/graph/project.h"

namespace nw::cli {

/// A network that the bench trains, drawn as a graph.
struct BenchNet {
  std::string name;  // as on the command line and in resources/bench/torch_steps.py
  std::string title;
  int64_t batch;
  data::Signature data;
  graph::Choice optimizer;
  graph::Graph graph;
};

/// The nets of the bench.
std::span<const BenchNet> bench_nets();

/// A built net with one batch of random data, ready to be trained step by step as a Trainer does.
class BenchStep {
 public:
  explicit BenchStep(const BenchNet& net);

  /// Forward, loss, backward and update; returns the loss.
  double run();

 private:
  std::unique_ptr<graph::Model> model_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  Tensor x_;
  Tensor target_;
};

}  // namespace nw::cli
