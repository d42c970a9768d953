#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/dist/fault.h"
#include "core/dist/process_group.h"
#include "core/dist/store.h"

namespace nw::dist {

struct WatchOptions {
  int rank = 0;
  int size = 1;
  std::string host;
  std::string device;
  std::shared_ptr<Store> store;
  bool serves = false;                       // the store ends with this process
  Fault store_lost;                          // what it means when the store no longer answers
  std::chrono::milliseconds silence{30000};  // how long a rank may give no sign of life

  // Called on the watchdog's thread, each once at most.
  std::function<void(const Fault&)> on_fault;
  std::function<void()> on_stop;                 // rank 0: someone asked the run to end
  std::function<void(const Fault&)> on_overdue;  // this process lives on, seconds after one
};

/// A thread that tells the other ranks through their store that this one lives, and looks whether
/// they do: each rank watches the next one. The first fault that anyone sees reaches all; then the
/// group that was given is aborted. A process that a signal holds gives no sign of life, one that
/// computes for long does. Thread-safe.
class Watchdog {
 public:
  explicit Watchdog(WatchOptions options);
  /// Without a fault, tells the others that this rank ends in order. After one, the rank whose
  /// process serves the store waits a moment until the others know of it, too.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// The group to abort at a fault.
  void guard(std::shared_ptr<ProcessGroup> group);
  /// Host and device of every rank that has told them, without a cause.
  std::vector<Fault> all_ranks();

  std::optional<Fault> fault() const;
  /// Why the run failed on this rank with `text`. An exchange fails where another rank is lost:
  /// then looks for that one, some seconds at most. Otherwise this rank is the fault, and the
  /// others learn it.
  Fault explain(const std::string& text, bool in_exchange);
  /// Ends in order, and waits until all others have, or one is lost.
  void await_others(std::chrono::milliseconds timeout);

 private:
  using Clock = std::chrono::steady_clock;
  struct Pulse {
    std::string last;
    std::chrono::milliseconds age{0};  // without a change, while this process ran itself
  };

  void run();
  bool tick();
  void look_for_fault();
  void look_for_stop();
  void take_pulses(std::chrono::milliseconds passed);
  void take_pulse(int rank, std::chrono::milliseconds passed, std::chrono::milliseconds most);
  bool is_done(int rank);
  void look_at_clock();
  void leave(bool in_order);
  void await_told();
  void accept(const Fault& fault);

  WatchOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<ProcessGroup> group_;
  std::optional<Fault> fault_;
  Clock::time_point fault_time_;
  bool ending_ = false;
  bool suspicious_ = false;  // an exchange failed: look at all ranks
  bool failed_ = false;      // this rank told the others of a fault of its own

  // The thread's own:
  bool has_store_ = true;
  int64_t beats_ = 0;
  bool stop_seen_ = false;
  bool overdue_ = false;
  int neighbour_;
  Clock::time_point last_tick_;
  std::vector<Pulse> pulses_;

  std::thread thread_;
};

}  // namespace nw::dist
