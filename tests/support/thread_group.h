#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/dist/process_group.h"

namespace nw::test {

/// Process groups whose ranks are threads of this program: a real exchange, over shared memory and
/// always in the same order of sums. The last rank to come to an operation does the work of all.
class ThreadWorld {
 public:
  explicit ThreadWorld(int size, std::chrono::milliseconds timeout = std::chrono::seconds(60));
  ~ThreadWorld();

  int size() const;
  std::shared_ptr<dist::ProcessGroup> group(int rank);
  /// Calls `log(rank, "all_reduce 5")` whenever a rank queues an operation, on its thread.
  void set_log(std::function<void(int rank, const std::string& what)> log);

  struct Shared;

 private:
  std::shared_ptr<Shared> shared_;
};

/// Runs `body` once for each rank, in threads of their own, and waits for all. What they throw is
/// told as text: that of the lowest rank, or empty. A rank that throws aborts the group.
std::string on_ranks(int size,
                     const std::function<void(std::shared_ptr<dist::ProcessGroup>)>& body);
std::string on_ranks(ThreadWorld& world,
                     const std::function<void(std::shared_ptr<dist::ProcessGroup>)>& body);

}  // namespace nw::test
