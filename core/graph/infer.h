#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/data/dataset.h"
#include "core/graph/project.h"

namespace nw::graph {

/// What flows through one output port. `sizes` are those of a batch of one sample; `text` writes
/// the batch as N: "N×16×10×10", and ends in the dtype where it is not float32: "N int64".
struct Flow {
  bool known = false;
  DType dtype = DType::Float32;
  Dims sizes;
  std::string text;
};

/// What is known of one node after inference.
struct NodeInfo {
  nn::Args args;  // complete, with inferred values filled in
  /// Its name in the state_dict: the node's own, or its position among the layers as nn.Sequential
  /// counts. Empty: no layer, or none that takes part in the training.
  std::string key;
  std::string caption;
  std::vector<Flow> outputs;  // in the order of the block's ports
  size_t returned = 0;        // how many results the module gives; arguments may switch some off
  int64_t parameters = 0;
  int64_t multiply_adds = 0;     // one sample
  int64_t activation_bytes = 0;  // one sample, float32
};

/// Shapes, costs and problems of a whole graph. Value type.
struct Inference {
  std::map<NodeId, NodeInfo> nodes;
  std::vector<Problem> problems;
  int64_t parameters = 0;
  int64_t multiply_adds = 0;
  int64_t activation_bytes = 0;

  /// True when no problem is an Error: the graph can be built and trained.
  bool ok() const;
};

/// Runs the modules on the meta backend with the data set's shapes, for two batch sizes, so that
/// each dimension is known as a multiple of the batch. Draws nothing from default_generator() and
/// allocates no weights. Never throws for a bad graph: each mistake becomes one Problem on its
/// node, and inference goes on where it can; nodes behind a mistake stay unknown and silent. Fast
/// enough for each edit. A signature without sample sizes means that the data set is not known: the
/// Input then says `data_problem`.
Inference infer(const Graph& graph, const data::Signature& data,
                std::string_view data_problem = {});

/// The same, with what the project's data set tells (headers are read at each call).
Inference infer(const Project& project);

}  // namespace nw::graph
