#pragma once

#include <memory>

#include "core/data/dataset.h"
#include "core/graph/graph.h"
#include "core/nn/module.h"

namespace nw::graph {

/// A graph built to modules: the network proper, whose parameters have torch's keys, and its loss.
/// The same as an nn.Sequential when the graph is a chain.
class Model : public nn::Module {
 public:
  std::string kind() const override { return "Model"; }
  /// {x} -> {prediction}: what flows into the loss.
  Tensors forward(const Tensors& inputs) override;
  /// The loss of prediction and target (one element), as the graph wires it. `x` serves a loss
  /// whose target is wired to the input (an autoencoder).
  Tensor loss(const Tensor& prediction, const Tensor& target, const Tensor& x);

 private:
  friend std::unique_ptr<Model> build(const Graph&, const data::Signature&);
  struct Step {
    nn::Module* module;
    std::vector<int> inputs;  // slots; 0 is x
    int output;               // slot
  };
  std::vector<Step> steps_;
  std::vector<Tensor> slots_;
  int prediction_ = 0;
  int loss_target_ = -1;  // slot; -1: the data set's target
  std::unique_ptr<nn::Module> loss_;
};

/// Builds the modules in topological order, drawing initial weights from default_generator().
/// Throws Error with the first problem when inference finds one.
std::unique_ptr<Model> build(const Graph& graph, const data::Signature& data);

}  // namespace nw::graph
