#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "core/graph/infer.h"
#include "core/nn/module.h"

namespace nw::graph {

/// The port of the Input and of the losses that stands for the data set's target.
inline constexpr std::string_view kTargetPort = "target";

/// What flows through a port while inferring: the same on meta for two batch sizes, from which each
/// dimension is told as a·N + b. The sizes are primes that no drawing is likely to hold.
struct Probe {
  static constexpr int64_t kBatch = 65521;
  static constexpr int64_t kOtherBatch = 65537;

  static Probe batch_of(const Dims& sample, DType dtype);

  Tensor one;    // batch kBatch; undefined: an optional port without a wire
  Tensor other;  // batch kOtherBatch
  /// For each dimension what it was merged from: "16×6×6"; empty: it is what it is.
  std::array<std::string, kMaxDims> origin;

  Flow flow() const;
};

/// By node and output port.
using Flows = std::map<std::pair<NodeId, std::string>, Probe>;

/// Runs the module for both batch sizes. `has_parameters`: its outputs are new numbers, so that a
/// dimension of the same size does not stem from the input's.
std::vector<Probe> run_probes(nn::Module& module, const std::vector<Probe>& inputs,
                              bool has_parameters);

/// The error's text with the batch as N, and where the size that came in comes from: the dimensions
/// that were flattened to it, or the whole input; where no size is named, what comes in at the
/// ports.
std::string explain(const Error& error, const std::vector<Probe>& inputs,
                    const std::vector<nn::Port>& ports);

/// The changes of `node` that would mend the error.
std::vector<Fix> fixes_of(const Error& error, const Node& node, const nn::Block& block);

}  // namespace nw::graph
