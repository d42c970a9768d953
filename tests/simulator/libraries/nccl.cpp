#include <nccl.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "tests/simulator/libraries/nccl_numbers.h"
#include "tests/simulator/libraries/nccl_state.h"

// NCCL for simulated GPUs: ranks are processes of this machine, or threads of one.

struct ncclComm {
  std::shared_ptr<nw::simulated::comm::State> state;
  bool blocking = true;
  std::thread helper;  // does what a call that does not block goes on with
};

namespace nw::simulated::comm {
namespace {

struct Living {
  std::mutex mutex;
  std::set<ncclComm_t> all;
};

Living& living() {
  static auto& one = *new Living;
  return one;
}

bool is_alive(ncclComm_t comm) {
  const std::lock_guard lock(living().mutex);
  return living().all.count(comm) > 0;
}

/// Takes a communicator out of those that live; false: it does not.
bool bury(ncclComm_t comm) {
  const std::lock_guard lock(living().mutex);
  return living().all.erase(comm) > 0;
}

/// What went wrong last, in any thread.
struct LastText {
  std::mutex mutex;
  std::string text;
};

LastText& last_text() {
  static auto& one = *new LastText;
  return one;
}

ncclResult_t refuse(ncclResult_t result, const std::string& text) {
  const std::lock_guard lock(last_text().mutex);
  last_text().text = text;
  return result;
}

/// What a rank tells when it comes.
struct Greeting {
  int64_t size, device;
};

/// Waits for all ranks; each has a device of its own.
void meet(State& state) {
  const Greeting own{state.size, state.device};
  std::vector<char> bytes(sizeof(own));
  std::memcpy(bytes.data(), &own, sizeof(own));
  state.mail.put("here." + std::to_string(state.rank), bytes);
  std::set<int64_t> devices;
  for (int rank = 0; rank < state.size; ++rank) {
    const std::string name = "here." + std::to_string(rank);
    while (!state.mail.is_there(name)) {
      if (state.aborted) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    Greeting theirs{};
    std::memcpy(&theirs, state.mail.take(name).data(), sizeof(theirs));
    if (theirs.size != state.size) {
      state.status = refuse(ncclInvalidUsage, "the ranks disagree on how many they are");
      return;
    }
    if (!devices.insert(theirs.device).second) {
      state.status =
          refuse(ncclInvalidUsage, "Duplicate GPU detected : rank " + std::to_string(rank) +
                                       " uses the device of another rank");
      return;
    }
  }
  state.status = ncclSuccess;
}

ncclResult_t make(ncclComm_t* comm, int size, const ncclUniqueId& id, int rank, bool blocking) {
  if (comm == nullptr || size < 1 || rank < 0 || rank >= size) {
    return refuse(ncclInvalidArgument, "Invalid rank requested");
  }
  const std::string folder(id.internal, strnlen(id.internal, sizeof(id.internal)));
  if (folder.empty() || folder.front() != '/') return refuse(ncclInvalidArgument, "no unique id");
  auto made = std::make_unique<ncclComm>();
  made->state = std::make_shared<State>(folder, rank, size, current_device());
  made->blocking = blocking;
  if (blocking) {
    meet(*made->state);
    if (made->state->status != ncclSuccess) return made->state->status;
  } else {
    made->state->status = ncclInProgress;
    made->helper = std::thread([state = made->state] { meet(*state); });
  }
  *comm = made.release();
  const std::lock_guard lock(living().mutex);
  living().all.insert(*comm);
  return blocking ? ncclSuccess : ncclInProgress;
}

/// Whether a call may begin.
ncclResult_t ready(ncclComm_t comm) {
  if (!is_alive(comm)) return refuse(ncclInvalidArgument, "no communicator, or a destroyed one");
  if (comm->state->aborted) return refuse(ncclInvalidUsage, "the communicator was aborted");
  const ncclResult_t status = comm->state->status;
  if (status == ncclInProgress) {
    return refuse(ncclInvalidArgument,
                  "Attempt to use communicator before the previous operation returned ncclSuccess");
  }
  return status;
}

/// A call that does not block goes on behind the caller's back.
ncclResult_t launch(ncclComm_t comm, std::function<void()> work) {
  if (comm->blocking) {
    work();
    return ncclSuccess;
  }
  if (comm->helper.joinable()) comm->helper.join();
  comm->state->status = ncclInProgress;
  comm->helper = std::thread([state = comm->state, work = std::move(work)] {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    work();
    state->status = ncclSuccess;
  });
  return ncclInProgress;
}

ncclResult_t check_memory(const State& state, const void* memory, size_t bytes, const char* name) {
  switch (flaw_of(memory, bytes, 1, state.device)) {
    case Flaw::None:
      return ncclSuccess;
    case Flaw::Null:
      return refuse(ncclInvalidArgument, std::string(name) + " is null");
    default:
      misuse(std::string("nccl: ") + name + " is not " + std::to_string(bytes) +
             " bytes of memory of the communicator's device");
  }
}

ncclResult_t check_stream(const State& state, cudaStream_t stream) {
  if (device_of(stream) != state.device) misuse("nccl: a stream of another device");
  return ncclSuccess;
}

/// In place means: exactly there, or nowhere near.
void expect_place(const char* call, const void* from, size_t from_bytes, const void* to,
                  size_t to_bytes, const void* in_place) {
  if (overlap(from, from_bytes, to, to_bytes) && from != in_place) {
    misuse(std::string(call) + ": the buffers overlap otherwise than in place");
  }
}

ncclResult_t start(ncclComm_t comm, const Collective& collective, size_t from_bytes,
                   size_t to_bytes, cudaStream_t stream) {
  const ncclResult_t may = ready(comm);
  if (may != ncclSuccess) return may;
  const State& state = *comm->state;
  if (bytes_of(collective.type) == 0) return refuse(ncclInvalidArgument, "an unknown type");
  if (collective.operation < ncclSum || collective.operation > ncclAvg) {
    return refuse(ncclInvalidArgument, "an unknown reduction");
  }
  if (collective.root < 0 || collective.root >= state.size) {
    return refuse(ncclInvalidArgument, "a root that is no rank");
  }
  if (collective.count == 0) return ncclSuccess;
  const bool reads = collective.kind != Kind::Broadcast || state.rank == collective.root;
  if (reads) {
    const ncclResult_t from = check_memory(state, collective.from, from_bytes, "sendbuff");
    if (from != ncclSuccess) return from;
  }
  const ncclResult_t to = check_memory(state, collective.to, to_bytes, "recvbuff");
  if (to != ncclSuccess) return to;
  check_stream(state, stream);
  return launch(comm,
                [shared = comm->state, collective, stream] { queue(shared, collective, stream); });
}

}  // namespace
}  // namespace nw::simulated::comm

using namespace nw::simulated;
using namespace nw::simulated::comm;

extern "C" {

ncclResult_t ncclGetVersion(int* version) {
  if (version == nullptr) return ncclInvalidArgument;
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case ncclSystemError:
      return "unhandled system error (run with NCCL_DEBUG=INFO for details)";
    case ncclInternalError:
      return "internal error - please report this issue to the NCCL developers";
    case ncclInvalidArgument:
      return "invalid argument (run with NCCL_DEBUG=WARN for details)";
    case ncclInvalidUsage:
      return "invalid usage (run with NCCL_DEBUG=WARN for details)";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
    default:
      return "unknown result code";
  }
}

const char* ncclGetLastError(ncclComm_t) {
  static thread_local std::string read;
  const std::lock_guard lock(last_text().mutex);
  read = last_text().text;
  return read.c_str();
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  if (id == nullptr) return ncclInvalidArgument;
  const std::string folder = Mailbox::make_folder();
  if (folder.empty() || folder.size() >= sizeof(id->internal)) return ncclSystemError;
  std::memset(id->internal, 0, sizeof(id->internal));
  std::memcpy(id->internal, folder.data(), folder.size());
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int size, ncclUniqueId id, int rank) {
  return make(comm, size, id, rank, true);
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int size, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  const ncclConfig_t fresh = NCCL_CONFIG_INITIALIZER;
  if (config != nullptr && (config->magic != fresh.magic || config->size != fresh.size)) {
    return refuse(ncclInvalidArgument, "the config was not initialised");
  }
  return make(comm, size, id, rank, config == nullptr || config->blocking != 0);
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* status) {
  if (!is_alive(comm) || status == nullptr) return ncclInvalidArgument;
  *status = comm->state->status;
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (!bury(comm)) return refuse(ncclInvalidArgument, "no communicator, or a destroyed one");
  comm->state->aborted = true;
  if (comm->helper.joinable()) comm->helper.join();
  comm->state->mail.leave();
  delete comm;
  return ncclSuccess;
}

/// The others must come to it, too; what is under way is done first.
ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  const ncclResult_t may = ready(comm);
  if (may != ncclSuccess) return may;
  const auto wait = [state = comm->state] {
    state->mail.put("done." + std::to_string(state->rank), {});
    for (int rank = 0; rank < state->size; ++rank) {
      while (state->under_way > 0 || !state->mail.is_there("done." + std::to_string(rank))) {
        if (state->aborted) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
  };
  return launch(comm, wait);
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (!bury(comm)) return refuse(ncclInvalidArgument, "no communicator, or a destroyed one");
  if (comm->helper.joinable()) comm->helper.join();
  if (comm->state->under_way > 0) misuse("ncclCommDestroy: work of it is not done yet");
  comm->state->destroyed = true;
  comm->state->mail.leave();
  delete comm;
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type,
                           ncclRedOp_t operation, ncclComm_t comm, cudaStream_t stream) {
  const size_t bytes = count * bytes_of(type);
  expect_place("ncclAllReduce", from, bytes, to, bytes, to);
  return start(comm, {Kind::AllReduce, count, type, operation, 0, from, to}, bytes, bytes, stream);
}

ncclResult_t ncclBroadcast(const void* from, void* to, size_t count, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  const size_t bytes = count * bytes_of(type);
  expect_place("ncclBroadcast", from, bytes, to, bytes, to);
  return start(comm, {Kind::Broadcast, count, type, ncclSum, root, from, to}, bytes, bytes, stream);
}

ncclResult_t ncclAllGather(const void* from, void* to, size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  if (!is_alive(comm)) return ncclInvalidArgument;
  const size_t bytes = count * bytes_of(type);
  const size_t all = bytes * static_cast<size_t>(comm->state->size);
  const size_t own = bytes * static_cast<size_t>(comm->state->rank);
  expect_place("ncclAllGather", from, bytes, to, all, static_cast<char*>(to) + own);
  return start(comm, {Kind::AllGather, count, type, ncclSum, 0, from, to}, bytes, all, stream);
}

ncclResult_t ncclReduceScatter(const void* from, void* to, size_t count, ncclDataType_t type,
                               ncclRedOp_t operation, ncclComm_t comm, cudaStream_t stream) {
  if (!is_alive(comm)) return ncclInvalidArgument;
  const size_t bytes = count * bytes_of(type);
  const size_t all = bytes * static_cast<size_t>(comm->state->size);
  const size_t own = bytes * static_cast<size_t>(comm->state->rank);
  expect_place("ncclReduceScatter", from, all, to, bytes, static_cast<char*>(to) - own);
  return start(comm, {Kind::ReduceScatter, count, type, operation, 0, from, to}, all, bytes,
               stream);
}

ncclResult_t ncclSend(const void* from, size_t count, ncclDataType_t type, int to, ncclComm_t comm,
                      cudaStream_t stream) {
  const ncclResult_t may = ready(comm);
  if (may != ncclSuccess) return may;
  const State& state = *comm->state;
  if (bytes_of(type) == 0 || to < 0 || to >= state.size || to == state.rank) {
    return refuse(ncclInvalidArgument, "an unknown type, or no other rank");
  }
  if (count == 0) return ncclSuccess;
  const size_t bytes = count * bytes_of(type);
  const ncclResult_t memory = check_memory(state, from, bytes, "sendbuff");
  if (memory != ncclSuccess) return memory;
  check_stream(state, stream);
  return launch(comm, [shared = comm->state, from, bytes, to, stream] {
    queue_send(shared, from, bytes, to, stream);
  });
}

ncclResult_t ncclRecv(void* to, size_t count, ncclDataType_t type, int from, ncclComm_t comm,
                      cudaStream_t stream) {
  const ncclResult_t may = ready(comm);
  if (may != ncclSuccess) return may;
  const State& state = *comm->state;
  if (bytes_of(type) == 0 || from < 0 || from >= state.size || from == state.rank) {
    return refuse(ncclInvalidArgument, "an unknown type, or no other rank");
  }
  if (count == 0) return ncclSuccess;
  const size_t bytes = count * bytes_of(type);
  const ncclResult_t memory = check_memory(state, to, bytes, "recvbuff");
  if (memory != ncclSuccess) return memory;
  check_stream(state, stream);
  return launch(comm, [shared = comm->state, to, bytes, from, stream] {
    queue_receive(shared, to, bytes, from, stream);
  });
}

}  // extern "C"
