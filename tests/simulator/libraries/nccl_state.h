#pragma once

#include <nccl.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "tests/simulator/libraries/device.h"
#include "tests/simulator/libraries/nccl_mailbox.h"

namespace nw::simulated::comm {

/// What a communicator's calls and the work that they queued share.
struct State {
  State(std::string folder, int own_rank, int ranks, int own_device)
      : rank(own_rank), size(ranks), device(own_device), mail(std::move(folder), own_rank, ranks) {}

  const int rank, size, device;
  const Mailbox mail;
  std::atomic<bool> aborted{false}, destroyed{false};
  std::atomic<ncclResult_t> status{ncclSuccess};
  std::atomic<int> under_way{0};  // calls whose work is not done; not those of graphs

  // Of the thread that does the work:
  bool busy = false;
  uint64_t next = 0;                             // collective
  std::map<std::string, uint64_t> next_of_pair;  // message from one rank to another
};

enum class Kind : int64_t { AllReduce, Broadcast, AllGather, ReduceScatter };

/// A collective as all ranks must call it, and this rank's memory.
struct Collective {
  Kind kind;
  size_t count;  // numbers that a rank gives (all-gather) or gets (reduce-scatter)
  ncclDataType_t type;
  ncclRedOp_t operation;
  int root;
  const void* from;
  void* to;
};

/// Queues it: begun in the stream's order, done when all ranks have begun theirs.
void queue(const std::shared_ptr<State>& state, const Collective& collective, cudaStream_t stream);
/// Of two ranks; done when both have begun.
void queue_send(const std::shared_ptr<State>& state, const void* from, size_t bytes, int to,
                cudaStream_t stream);
void queue_receive(const std::shared_ptr<State>& state, void* to, size_t bytes, int from,
                   cudaStream_t stream);

}  // namespace nw::simulated::comm
