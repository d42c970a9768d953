#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/data/dataset.h"
#include "core/graph/graph.h"

namespace nw::graph {

/// What flows through one output port. `sizes` come from a run with batch N; `text` writes the
/// batch as N: "N×16×10×10". dtype is part of the text only where it is not float32.
struct Flow {
  bool known = false;
  DType dtype = DType::Float32;
  Dims sizes;
  std::string text;
};

/// What is known of one node after inference.
struct NodeInfo {
  nn::Args args;    // complete, with inferred values filled in
  std::string key;  // its name in the state_dict ("3", or the node's own name); empty: no module
  std::string caption;
  std::vector<Flow> outputs;  // in the order of the block's ports
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

/// Runs the modules on the meta backend with the data set's shapes. Never throws for a bad graph:
/// each mistake becomes a Problem on its node and inference goes on where it can. Fast enough for
/// each edit.
Inference infer(const Graph& graph, const data::Signature& data);

}  // namespace nw::graph
