#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/dist/fault.h"
#include "core/dist/holds.h"
#include "core/dist/store.h"

namespace nw::dist {

struct NodeOptions {
  int nodes = 1;
  int node_rank = 0;
  int processes = 1;  // on each node
  std::string master_address;
  int master_port = 0;
  std::chrono::milliseconds join{};
  std::chrono::milliseconds silence{};  // how late the store may answer, see TcpStore
};

/// The launchers of one run, one a node, and the store in the first one. Belongs to one thread.
class Nodes {
 public:
  /// Waits for all others; gives up when `cancelled` says so. Throws Error with a remedy when they
  /// do not come in time, two have the same rank, or they disagree on how many they are.
  Nodes(const NodeOptions& options, const std::function<bool()>& cancelled);
  /// Waits some seconds for the others to leave the store.
  ~Nodes();
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;

  const std::shared_ptr<Store>& store() const { return store_; }
  int port() const { return port_; }

  /// Tells the others that this launcher lives; the first node's looks whether the others do, and
  /// gives one that has been silent for so long. Throws Error when the store is gone.
  std::optional<Fault> look_for_lost(std::chrono::milliseconds silence);
  /// What people do to this node's launcher by Ctrl+Z, see Holds; nothing where there is one node.
  void begin_hold();
  void end_hold();
  /// The other node that stands still, if one does: meanwhile the store may not answer, and nobody
  /// counts as silent. Throws Error when the store is gone.
  std::optional<Hold> held();
  /// What it means when the store is gone.
  Fault store_lost() const;

  /// Whether the attempt has ended on all nodes; false when one of them is lost. `hurried`: the
  /// others are ending, too, and have some seconds for it.
  bool meet_after(int attempt, std::chrono::milliseconds silence, bool hurried);

 private:
  struct Pulse {
    std::string last;
    std::chrono::steady_clock::time_point since;
  };
  std::unique_ptr<TcpStore> connect(bool serve) const;
  void open_store(const std::function<bool()>& cancelled);
  void introduce();
  void leave();
  void check_alike(int node, const std::string& other) const;
  void await_others(const std::function<bool()>& cancelled);
  void forgive_silence();
  bool is_first() const { return options_.node_rank == 0; }

  NodeOptions options_;
  std::string own_;  // host and process, and the numbers that all must share, on lines
  std::shared_ptr<Store> store_;
  int port_ = 0;
  int64_t beats_ = 0;
  std::vector<Pulse> pulses_;
  std::unique_ptr<Holds> holds_;  // null where there is one node
};

}  // namespace nw::dist
