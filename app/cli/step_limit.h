#pragma once

#include <optional>

#include "app/cli/bench_net.h"
#include "core/backend/backend.h"

namespace nw::cli {

/// What a training step has to do at least, however it is done.
struct StepWork {
  double flops = 0;  // of products and their sums: forward, and twice as many backward
  /// Activations written and read in forward and, as gradients, in backward; weights and what the
  /// optimiser keeps read and written once.
  double bytes = 0;
};
StepWork work_of(const BenchNet& net);

/// How long a device of this kind takes for it at least, in microseconds, when its units (TF32's
/// where a convolution may use them) or its memory are never idle. Nothing where that is not known.
std::optional<double> least_us(const BenchNet& net, const DeviceFacts& facts);

}  // namespace nw::cli
