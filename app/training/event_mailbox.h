#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "core/train/events.h"

namespace nw::app {

/// Where the worker leaves its events and the window's thread takes them. Thread-safe.
class EventMailbox {
 public:
  void put(const train::Event& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  }
  /// All that came since the last call, in order.
  std::vector<train::Event> takeAll() {
    const std::lock_guard lock(mutex_);
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<train::Event> events_;
};

}  // namespace nw::app
