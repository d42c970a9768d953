#pragma once

#include <memory>
#include <optional>

#include "core/data/dataset.h"
#include "core/graph/fusion.h"
#include "core/graph/graph.h"
#include "core/nn/module.h"
#include "core/ops/autocast.h"

namespace nw::graph {

/// A graph built to modules: the network proper, whose parameters have torch's keys, and its loss.
/// The same as an nn.Sequential when the graph is a chain. A layer named "features.0" is the child
/// "0" of a child "features". Keeps no tensor longer than it is needed
/// and allocates nothing but tensors.
class Model : public nn::Module {
 public:
  std::string kind() const override { return "Model"; }
  /// {x} -> {prediction}: what flows into the loss.
  Tensors forward(const Tensors& inputs) override;
  /// The loss of prediction and target (one element), as the graph wires it; to be called right
  /// after forward. `x` serves a loss whose target is wired to the input (an autoencoder).
  Tensor loss(const Tensor& prediction, const Tensor& target, const Tensor& x);
  /// The loss of one sample of a batch, from what loss() gave for `samples` of them: the same for a
  /// loss that averages, a share for one that adds up.
  double loss_per_sample(double loss, int64_t samples) const;
  /// Whether loss() adds up over the samples; else it is their mean.
  bool loss_adds_up() const { return loss_adds_up_; }
  /// Whether some targets count more than others in that mean, and how much those of a batch do:
  /// otherwise as many as there are samples.
  bool loss_weighs_targets() const;
  double loss_weight(const Tensor& target, int64_t samples) const;

  /// Lets forward and loss run under torch.autocast with this dtype; none: not.
  void set_autocast(std::optional<DType> dtype) { autocast_ = dtype; }
  std::optional<DType> autocast() const { return autocast_; }

  /// Whether the loss compares the prediction with the data set's target (an autoencoder's does
  /// not); only then an accuracy has a meaning.
  bool learns_targets() const;

 private:
  friend class ModelBuilder;
  static constexpr int kNothing = -1;  // no wire
  static constexpr int kTarget = -2;   // the data set's target
  Tensor run_steps(const Tensor& x);
  void run_step(const Step& step);
  bool run_fused(FusedSteps& fused);
  void drop_finished(const Step& step);
  Autocast cast_on(const Tensor& x) const;

  std::vector<Step> steps_;
  std::vector<FusedSteps> fused_;  // in the order of the steps
  std::vector<Tensor> slots_;      // 0 is x
  int prediction_ = 0;             // slot
  std::vector<int> loss_inputs_;   // slots behind the prediction
  bool loss_adds_up_ = false;
  std::unique_ptr<nn::Module> loss_;
  std::optional<DType> autocast_;
};

/// Builds the modules that the loss depends on in topological order, drawing initial weights from
/// default_generator() as torch's constructors do. Throws Error with the first mistake that
/// inference finds.
std::unique_ptr<Model> build(const Graph& graph, const data::Signature& data);

}  // namespace nw::graph
