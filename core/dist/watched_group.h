#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "core/dist/process_group.h"

namespace nw::dist {

/// Another group that notes whether an exchange failed on its own: then another rank may be lost,
/// or else the failure is this rank's.
class WatchedGroup : public ProcessGroup {
 public:
  explicit WatchedGroup(std::shared_ptr<ProcessGroup> group) : group_(std::move(group)) {}

  /// Whether an exchange has failed before anyone called abort().
  bool failed() const { return state_->load() == State::Failed; }

  std::string_view backend() const override { return group_->backend(); }
  int rank() const override { return group_->rank(); }
  int size() const override { return group_->size(); }
  DeviceType device_type() const override { return group_->device_type(); }
  std::chrono::milliseconds timeout() const override { return group_->timeout(); }

  WorkHandle all_reduce(const Tensor& tensor, Reduction reduction) override {
    return watched(group_->all_reduce(tensor, reduction));
  }
  WorkHandle broadcast(const Tensor& tensor, int root) override {
    return watched(group_->broadcast(tensor, root));
  }
  WorkHandle all_gather(const Tensor& input, std::span<const Tensor> outputs) override {
    return watched(group_->all_gather(input, outputs));
  }
  WorkHandle reduce_scatter(const Tensor& output, std::span<const Tensor> inputs,
                            Reduction reduction) override {
    return watched(group_->reduce_scatter(output, inputs, reduction));
  }
  WorkHandle send(const Tensor& tensor, int to, uint32_t tag) override {
    return watched(group_->send(tensor, to, tag));
  }
  WorkHandle recv(const Tensor& tensor, int from, uint32_t tag) override {
    return watched(group_->recv(tensor, from, tag));
  }
  WorkHandle barrier() override { return watched(group_->barrier()); }

  void abort(const std::string& reason) override {
    note(*state_, State::Aborted);
    group_->abort(reason);
  }
  uint64_t bytes_sent() const override { return group_->bytes_sent(); }

 private:
  enum class State : uint8_t { Good, Failed, Aborted };
  using SharedState = std::shared_ptr<std::atomic<State>>;

  /// The first of them counts.
  static void note(std::atomic<State>& state, State what) {
    State good = State::Good;
    state.compare_exchange_strong(good, what);
  }

  class WatchedWork : public Work {
   public:
    WatchedWork(WorkHandle work, SharedState state)
        : work_(std::move(work)), state_(std::move(state)) {}
    bool is_completed() const override { return work_->is_completed(); }
    void wait() override {
      try {
        work_->wait();
      } catch (...) {
        note(*state_, State::Failed);
        throw;
      }
    }

   private:
    WorkHandle work_;
    SharedState state_;
  };

  WorkHandle watched(WorkHandle work) const {
    return std::make_shared<WatchedWork>(std::move(work), state_);
  }

  std::shared_ptr<ProcessGroup> group_;
  SharedState state_ = std::make_shared<std::atomic<State>>(State::Good);
};

}  // namespace nw::dist
