#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "app/cli/rank_options.h"
#include "core/dist/watchdog.h"
#include "core/dist/watched_group.h"
#include "core/train/event_lines.h"

namespace nw::cli {

/// This process as one rank of several: from finding the others to the end. A fault of any rank
/// makes it fail with the cause, and ends the process some seconds later if it does not end itself.
/// Belongs to one thread; steer()'s function is called on another.
class RankSession {
 public:
  /// Waits for all ranks. Throws Error with a remedy when they do not find together.
  RankSession(const RankOptions& options, const dist::Placement& place, const std::string& device);
  ~RankSession();
  RankSession(const RankSession&) = delete;
  RankSession& operator=(const RankSession&) = delete;

  bool is_first() const { return place_.rank == 0; }
  const dist::Placement& place() const { return place_; }
  Device device() const { return device_; }
  const std::shared_ptr<dist::WatchedGroup>& group() const { return group_; }
  /// "rank 1 (cpu on node7)".
  std::string who() const;
  /// How they found together, for people: "4 ranks over gloo, started by …".
  std::string description() const;
  train::Joined joined() const { return joined_; }
  /// The same as members of a verb's result.
  void describe(nlohmann::ordered_json& out) const;

  /// What to call when the run is to end; at once when that was asked already.
  void steer(std::function<void()> stop);
  /// Nothing as long as no rank is lost.
  std::optional<dist::Fault> fault() const { return watchdog_->fault(); }
  /// What the run failed with here becomes, or is explained by, the fault of one rank.
  dist::Fault explain(const std::string& text);
  /// Waits until all ranks have come to the end of the run: nobody needs another one any more.
  void meet();
  /// The run came to an end of its own: this process's exit code is no fault.
  void conclude();

 private:
  std::shared_ptr<dist::Store> open_store(const RankOptions& options);
  void watch(const RankOptions& options);
  void request_stop();

  dist::Placement place_;
  Device device_;
  std::shared_ptr<dist::TcpStore> connection_;
  std::shared_ptr<dist::Store> store_;  // behind it
  std::shared_ptr<dist::WatchedGroup> group_;
  train::Joined joined_;
  std::mutex mutex_;
  std::function<void()> stop_;
  bool stop_asked_ = false;
  std::unique_ptr<dist::Watchdog> watchdog_;  // last: its thread uses the others
};

}  // namespace nw::cli
