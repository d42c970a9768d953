#pragma once

#include <string>

#include "app/cli/bench_net.h"

namespace nw::cli {

/// What a device made of the recorded training steps of a net.
struct StepVerdict {
  int64_t steps = 0;
  int64_t replays = 0;
  std::string refusal = {};  // why none was recorded; empty: they were
  std::string problem = {};  // where they differ from steps done one by one; empty: nowhere
};

/// Trains the net for some steps one by one, and again with recorded steps: each loss and, in the
/// end, each parameter and buffer must be the same bit for bit.
StepVerdict compare_recorded(const BenchNet& net, Device device);

}  // namespace nw::cli
