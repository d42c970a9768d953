#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/dist/fault.h"
#include "core/dist/holds.h"

namespace nw::dist {

/// What ranks need, and what is told of them. The callbacks come on the thread of run().
struct LaunchOptions {
  std::vector<std::string> command;  // the program's path, and its arguments
  std::vector<std::string> devices;  // of this node's ranks: one process for each
  std::vector<std::pair<std::string, std::string>> variables = {};  // more for their environment
  int nodes = 1;
  int node_rank = 0;
  std::string master_address = "127.0.0.1";  // of node 0
  int master_port = 0;                       // 0: a free one, on one node
  int max_restarts = 0;
  std::chrono::milliseconds silence{30000};                  // see WatchOptions
  std::chrono::milliseconds join{std::chrono::minutes(30)};  // to wait for the other nodes

  bool passes_input = false;    // rank 0 reads our standard input
  bool captures_first = false;  // rank 0's standard output comes as lines, too
  /// A line that a rank wrote; `is_error`: on its standard error.
  std::function<void(int rank, bool is_error, std::string_view line)> on_line;
  std::function<void(const Fault&)> on_fault;
  /// Another node was stopped by hand, so that this one's ranks stand still, too; or it goes on.
  std::function<void(const Hold&, bool begins)> on_hold;
  /// All ranks start again; `attempt` is 1 at the first time.
  std::function<void(int attempt)> on_restart;
};

struct LaunchResult {
  int exit_code = 0;  // 0 or the run's own when it came to an end of its own
  std::optional<Fault> fault;
  int restarts = 0;
};

/// Starts the processes of one node that train together and looks after them until all have ended:
/// what torch.distributed.run's agent does
/// (https://pytorch.org/docs/stable/elastic/run.html). Each gets RANK, LOCAL_RANK, WORLD_SIZE,
/// LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT as from torchrun, and NETWRIGHT_RESTART, the
/// number of times that all were started anew. Node 0's launcher keeps the store; the nodes meet
/// there. When a rank ends otherwise than by itself, all learn of it through the store, on all
/// nodes; those that have not ended some seconds later are killed, and after them all start again,
/// as often as max_restarts says. The ranks die with the thread that runs the launcher, however
/// that ends.
class Launcher {
 public:
  explicit Launcher(LaunchOptions options);
  ~Launcher();
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  /// Returns when every process of this node has ended; called once. Throws Error with a remedy
  /// when the nodes do not find together or disagree, or a process cannot be started.
  LaunchResult run();
  /// Asks for an orderly end, the second time, half a second later or more, for one at once; from
  /// any thread.
  void stop();
  /// Stops the ranks of this node and then this whole process, as Ctrl+Z does to a program that is
  /// alone, until somebody continues it (SIGCONT): then all go on, and the time between does not
  /// count. The other nodes are told before; their ranks stand still meanwhile. From any thread.
  void hold();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nw::dist
