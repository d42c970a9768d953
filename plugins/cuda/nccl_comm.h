#pragma once

#include <nccl.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <string>

namespace nw::cuda {

/// The communicator of one rank, on the device that is current when it is made. No call of NCCL
/// blocks, so that abort() always gets through; a call returns when its work is queued. Any thread.
class NcclComm {
 public:
  using Call = std::function<ncclResult_t(ncclComm_t)>;

  /// Waits until all ranks have come. Throws Error when they have not within the timeout, or when
  /// NCCL refuses: two ranks on one device, say.
  NcclComm(int size, const ncclUniqueId& id, int rank, std::chrono::milliseconds timeout);
  /// Takes leave of the other ranks, if they are still there.
  ~NcclComm();
  NcclComm(const NcclComm&) = delete;
  NcclComm& operator=(const NcclComm&) = delete;

  /// Queues what the call does; one after the other. Throws Error where that fails.
  void run(const std::string& what, const Call& call);
  /// Throws Error for what NCCL found out on its own since.
  void check_health();
  /// Ends all that is under way or queued, and every later call fails.
  void abort();

 private:
  using Clock = std::chrono::steady_clock;

  /// Throws Error when it was aborted.
  ncclResult_t state(const std::string& what);
  /// Waits until NCCL is done with a call; false: not by then.
  bool settle(const std::string& what, Clock::time_point deadline);

  const std::chrono::milliseconds timeout_;
  std::mutex calls_;  // held while a call is made and settled
  std::mutex mutex_;  // of comm_, held for a moment
  ncclComm_t comm_ = nullptr;
};

}  // namespace nw::cuda
