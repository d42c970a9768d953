#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/dist/store.h"

namespace nw::dist {

/// A node whose launcher was stopped by hand, and since when by its own clock.
struct Hold {
  std::string host;
  std::string since;  // "2026-03-01 14:05:09"

  /// "node7 was stopped by hand at 2026-03-01 14:05:09".
  std::string text() const;
};

/// What the launchers of several nodes tell each other through their store before one of them is
/// stopped (Ctrl+Z) and after it goes on. Also the store's own process may be the one that is
/// stopped: so who waits asks once, with an answer that may take any time. Belongs to one thread.
class Holds {
 public:
  /// Opens another connection to the store of the launchers.
  using Connect = std::function<std::unique_ptr<TcpStore>()>;

  Holds(Connect connect, int nodes, std::string host)
      : connect_(std::move(connect)), nodes_(nodes), host_(std::move(host)) {}
  ~Holds();
  Holds(const Holds&) = delete;
  Holds& operator=(const Holds&) = delete;

  /// Tells the others that this node is about to be stopped, and waits a moment until they know.
  /// Throws Error when the store is gone.
  void begin();
  /// It goes on.
  void end();
  /// The other node that is stopped, if one is. Never waits for it. Throws Error when the store is
  /// gone.
  std::optional<Hold> of_others();
  /// Once: a node that ended while it was stopped.
  std::optional<Hold> take_lost();

 private:
  struct Waiting {
    Hold hold;
    std::unique_ptr<TcpStore> store;
    std::string word;  // how it ended; empty: the store went away
    std::atomic<bool> done{false};
    std::thread thread;
  };
  void wait_for(int64_t number);
  void finish_waiting();

  Connect connect_;
  int nodes_;
  std::string host_;
  std::unique_ptr<TcpStore> store_;  // opened when it is needed first
  int64_t seen_ = 0;                 // the last hold of all that was dealt with
  std::vector<int64_t> own_;         // numbers of this node's own ones
  std::unique_ptr<Waiting> waiting_;
  std::optional<Hold> lost_;
};

}  // namespace nw::dist
