#include "plugins/cuda/nccl_work.h"

#include <thread>

#include "core/base/error.h"
#include "plugins/cuda/keeper.h"

namespace nw::cuda {

std::string NcclState::problem() {
  const std::lock_guard lock(mutex_);
  return broken_;
}

bool NcclState::break_by(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (!broken_.empty()) return false;
  broken_ = reason;
  return true;
}

std::shared_ptr<NcclPending> NcclState::watch(std::string text, std::vector<Tensor> tensors,
                                              cudaStream_t stream) {
  auto pending = std::make_shared<NcclPending>(
      NcclPending{std::move(text), std::move(tensors), std::make_unique<CudaEvent>(device_, stream),
                  Clock::now() + timeout_});
  const std::lock_guard lock(mutex_);
  pending_.push_back(pending);
  return pending;
}

void NcclState::replayed() {
  watch("recorded work", {}, current_stream(device_));
}

std::shared_ptr<NcclPending> NcclState::oldest() {
  const std::lock_guard lock(mutex_);
  std::erase_if(pending_, [](const auto& one) { return one->done->done(); });
  return pending_.empty() ? nullptr : pending_.front();
}

NcclWork::NcclWork(std::shared_ptr<NcclState> state, std::shared_ptr<NcclPending> pending,
                   bool host_waits, std::function<void()> finish)
    : state_(std::move(state)),
      pending_(std::move(pending)),
      host_waits_(host_waits),
      finish_(std::move(finish)) {}

bool NcclWork::is_completed() const {
  // What is recorded has not begun.
  return Keeper::current() == nullptr && pending_->done->done();
}

void NcclWork::wait() {
  while (host_waits_ && !pending_->done->done() && state_->problem().empty()) {
    std::this_thread::sleep_for(kAskEvery);
  }
  const std::string problem = state_->problem();
  NW_CHECK(problem.empty(), "[", pending_->text, "] failed: ", problem);
  pending_->done->follow();
  if (finish_) finish_();
  finish_ = nullptr;
}

}  // namespace nw::cuda
