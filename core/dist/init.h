#pragma once

#include <memory>
#include <string>

#include "core/dist/process_group.h"
#include "core/dist/store.h"

namespace nw::dist {

struct InitOptions {
  std::string backend = "gloo";
  /// Or tcp://HOST:PORT, file:///PATH; each may end in ?rank=R&world_size=N.
  std::string init_method = "env://";
  int rank = -1;  // -1: from the method
  int world_size = -1;
  std::chrono::milliseconds timeout{std::chrono::minutes(30)};
  Device device = kCpu;
  /// Given: used in place of init_method's, with rank and world_size given too.
  std::shared_ptr<Store> store;
};

/// Joins the other processes and makes the group that default_group() gives. Waits for all ranks.
/// env:// reads RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT as torch.distributed does; rank 0
/// serves the store at that port. Under torchrun, whose own store has taken MASTER_PORT
/// (TORCHELASTIC_USE_AGENT_STORE), rank 0 takes the first free one of the 16 that follow.
/// A file of file:// goes when the last rank has left the group, as PyTorch's does; one that a
/// killed run left must be removed. Throws Error with a remedy for an unknown backend or method, a
/// rank outside the world, a rank taken twice, ranks that disagree on the world's size, with env://
/// and tcp:// soon after a rank that had come went away, and after `timeout`, naming the ranks that
/// did not come.
std::shared_ptr<ProcessGroup> init_process_group(const InitOptions& options = {});
bool is_initialized();
/// Throws Error with a remedy when there is none.
std::shared_ptr<ProcessGroup> default_group();
/// The store by which the default group was made.
std::shared_ptr<Store> default_store();
/// Leaves the default group; its store goes with the last handle to it. Ranks that still wait for
/// this one get an Error: meet at a barrier() before.
void destroy_process_group();

}  // namespace nw::dist
