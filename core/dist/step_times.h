#pragma once

#include <cstdint>

namespace nw::dist {

/// Where the time of one training step of one rank went, in seconds, and what it sent.
struct StepTimes {
  double compute = 0;  // from the beginning of forward to the end of backward, without `wait`
  double wait = 0;     // at the end of backward, for gradients of others
  double reduce = 0;   // while at least one all-reduce was under way, hidden behind compute or not
  uint64_t bytes = 0;  // sent
};

}  // namespace nw::dist
