#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "core/train/event_lines.h"

namespace nw::app {

/// Where a worker leaves its events and the window's thread takes them. Thread-safe.
class EventMailbox {
 public:
  void put(train::RunEvent event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
  }
  /// All that came since the last call, in order.
  std::vector<train::RunEvent> takeAll() {
    const std::lock_guard lock(mutex_);
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<train::RunEvent> events_;
};

}  // namespace nw::app
