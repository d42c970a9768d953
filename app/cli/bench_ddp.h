#pragma once

#include <string>
#include <vector>

#include "app/cli/bench_net.h"

namespace nw::cli {

struct DdpBenchOptions {
  std::vector<int> processes;  // empty: 1, 2, 4, … as many as there are processors
  int rounds = 11;
  int threads = 0;  // of each process; 0: one
  bool json = false;
};

/// Whether this process is one of those that bench_ddp() started.
bool is_ddp_bench_rank();
/// Its part of the work. Rank 0 prints the figures as one line of JSON.
void run_ddp_bench_rank(const BenchNet& net, const DdpBenchOptions& options);

/// Trains the net in one process and in more on this machine, exchanging gradients by Gloo, each
/// with a batch of its own, and prints how well that scales and what it sends.
void bench_ddp(const BenchNet& net, DdpBenchOptions options);

}  // namespace nw::cli
