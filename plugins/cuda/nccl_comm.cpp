#include "plugins/cuda/nccl_comm.h"

#include <algorithm>
#include <thread>

#include "core/base/error.h"
#include "plugins/cuda/libraries.h"
#include "plugins/cuda/nccl_calls.h"

namespace nw::cuda {
namespace {

/// How long one that takes leave waits for the others.
constexpr std::chrono::seconds kLeave{5};

ncclConfig_t without_blocking() {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  return config;
}

}  // namespace

NcclComm::NcclComm(int size, const ncclUniqueId& id, int rank, std::chrono::milliseconds timeout)
    : timeout_(timeout) {
  ncclConfig_t config = without_blocking();
  const auto begin = Clock::now();
  check_nccl(NW_SYMBOL(nccl(), ncclCommInitRankConfig)(&comm_, size, id, rank, &config),
             "ncclCommInitRankConfig");
  try {
    NW_CHECK(settle("ncclCommInitRankConfig", begin + timeout), "[init_process_group] rank ", rank,
             " waited for the other ranks for more than ", timeout.count(), " ms");
  } catch (...) {
    abort();
    throw;
  }
}

NcclComm::~NcclComm() {
  if (comm_ == nullptr) return;
  try {
    const auto end = Clock::now() + std::min<Clock::duration>(timeout_, kLeave);
    check_nccl(NW_SYMBOL(nccl(), ncclCommFinalize)(comm_), "ncclCommFinalize");
    if (settle("ncclCommFinalize", end)) {
      NW_SYMBOL(nccl(), ncclCommDestroy)(comm_);
      return;
    }
  } catch (const Error&) {  // the others have gone already
  }
  abort();
}

void NcclComm::run(const std::string& what, const Call& call) {
  const std::lock_guard one(calls_);
  {
    const std::lock_guard lock(mutex_);
    NW_CHECK(comm_ != nullptr, "[", what, "] failed: the group was ended");
    check_nccl(call(comm_), what.c_str());
  }
  NW_CHECK(settle(what, Clock::now() + timeout_), "[", what, "] could not be queued within ",
           timeout_.count(), " ms");
}

ncclResult_t NcclComm::state(const std::string& what) {
  const std::lock_guard lock(mutex_);
  NW_CHECK(comm_ != nullptr, "[", what, "] failed: the group was ended");
  ncclResult_t status = ncclSuccess;
  check_nccl(NW_SYMBOL(nccl(), ncclCommGetAsyncError)(comm_, &status), "ncclCommGetAsyncError");
  return status;
}

bool NcclComm::settle(const std::string& what, Clock::time_point deadline) {
  while (true) {
    const ncclResult_t status = state(what);
    check_nccl(status, what.c_str());
    if (status != ncclInProgress) return true;
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

void NcclComm::check_health() {
  check_nccl(state("a collective"), "a collective");
}

void NcclComm::abort() {
  const std::lock_guard lock(mutex_);
  if (comm_ != nullptr) NW_SYMBOL(nccl(), ncclCommAbort)(comm_);
  comm_ = nullptr;
}

}  // namespace nw::cuda
