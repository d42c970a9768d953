#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/dist/process_group.h"
#include "plugins/cuda/memory_source.h"
#include "plugins/cuda/recorded_groups.h"

namespace nw::cuda {

/// An operation of a group that was queued.
struct NcclPending {
  std::string text;
  std::vector<Tensor> tensors;
  std::unique_ptr<CudaEvent> done;
  std::chrono::steady_clock::time_point deadline;
};

/// What a group, its works, recordings and its watching thread share. Lives as long as the last of
/// them. Any thread.
class NcclState final : public InRecording {
 public:
  using Clock = std::chrono::steady_clock;

  NcclState(int device, std::chrono::milliseconds timeout) : device_(device), timeout_(timeout) {}

  /// Why nothing works any more; empty: it does.
  std::string problem();
  /// Whether this reason is the first.
  bool break_by(const std::string& reason);

  /// Watches what was queued on the stream so far.
  std::shared_ptr<NcclPending> watch(std::string text, std::vector<Tensor> tensors,
                                     cudaStream_t stream);
  void replayed() override;
  /// Forgets what is done; the oldest that is not.
  std::shared_ptr<NcclPending> oldest();

 private:
  const int device_;
  const std::chrono::milliseconds timeout_;
  std::mutex mutex_;
  std::string broken_;
  std::list<std::shared_ptr<NcclPending>> pending_;
};

class NcclWork final : public dist::Work {
 public:
  /// `host_waits`: wait() returns when it is done. `finish` is called by wait(), and what that
  /// queues comes behind it.
  NcclWork(std::shared_ptr<NcclState> state, std::shared_ptr<NcclPending> pending, bool host_waits,
           std::function<void()> finish);

  bool is_completed() const override;
  void wait() override;

 private:
  std::shared_ptr<NcclState> state_;
  std::shared_ptr<NcclPending> pending_;
  bool host_waits_;
  std::function<void()> finish_;
};

/// How often who waits looks.
constexpr std::chrono::microseconds kAskEvery{50};

}  // namespace nw::cuda
