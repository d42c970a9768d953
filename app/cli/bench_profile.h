#pragma once

#include <string>
#include <vector>

#include "app/cli/bench_net.h"

namespace nw::cli {

/// A part of a training step: a kind of block's forward, a kind of node's backward, the optimiser.
struct ProfilePart {
  std::string name;
  double calls = 0;    // in one step
  double step_us = 0;  // in one step
};

/// Where the time of a training step goes, the longest first; means over `steps` of them.
std::vector<ProfilePart> profile(const BenchNet& net, int64_t steps);

}  // namespace nw::cli
