#include "core/dist/nodes.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "core/base/error.h"
#include "core/dist/run_keys.h"

namespace nw::dist {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kBetween{50};
constexpr milliseconds kOneTry{1000};
constexpr milliseconds kHurry{15000};
constexpr milliseconds kFarewell{3000};

std::string node_key(int rank) {
  return concat("node/", rank);
}
std::string beat_key(int rank) {
  return concat("node-beat/", rank);
}

}  // namespace

Nodes::Nodes(const NodeOptions& options, const std::function<bool()>& cancelled)
    : options_(options), pulses_(static_cast<size_t>(options.nodes), Pulse{"", Clock::now()}) {
  open_store(cancelled);
  try {
    introduce();
    await_others(cancelled);
    if (options.nodes > 1) {
      holds_ =
          std::make_unique<Holds>([this] { return connect(false); }, options.nodes, host_name());
    }
  } catch (...) {
    leave();
    throw;
  }
}

Nodes::~Nodes() {
  leave();
}

/// The first node waits for those that have come.
void Nodes::leave() {
  try {
    int64_t left = store_->add("left", 1);
    int came = 0;
    for (int node = 0; node < options_.nodes; ++node) {
      came += store_->look(node_key(node)).has_value();
    }
    const Clock::time_point deadline = Clock::now() + kFarewell;
    while (is_first() && left < came && Clock::now() < deadline) {
      std::this_thread::sleep_for(kBetween);
      left = store_->add("left", 0);
    }
  } catch (const Error&) {
    return;  // the first node has left already
  }
}

std::unique_ptr<TcpStore> Nodes::connect(bool serve) const {
  const int port = port_ != 0 ? port_ : options_.master_port;
  return std::make_unique<TcpStore>(options_.master_address, port, serve, kOneTry, keys::kJob, 1,
                                    options_.silence);
}

void Nodes::open_store(const std::function<bool()>& cancelled) {
  const Clock::time_point deadline = Clock::now() + options_.join;
  while (true) {
    try {
      std::unique_ptr<TcpStore> store = connect(is_first());
      port_ = store->port();
      store_ = std::move(store);
      return;
    } catch (const Error&) {
      if (is_first() || cancelled() || Clock::now() >= deadline) throw;
    }
  }
}

void Nodes::introduce() {
  own_ =
      concat(host_name(), " (process ", getpid(), ")\n", options_.nodes, "\n", options_.processes);
  const std::string taken = store_->set_if_absent(node_key(options_.node_rank), own_);
  NW_CHECK(taken == own_, "[launcher] node rank ", options_.node_rank, " is taken by ",
           taken.substr(0, taken.find('\n')), "; give each node its own --node-rank");
}

void Nodes::check_alike(int node, const std::string& other) const {
  NW_CHECK(other.substr(other.find('\n')) == own_.substr(own_.find('\n')),
           "[launcher] this node (rank ", options_.node_rank, ") is one of ", options_.nodes,
           " with ", options_.processes, " processes each, but node ", node, ", ",
           other.substr(0, other.find('\n')),
           ", has other numbers; give all the same --nnodes and --nproc-per-node");
}

void Nodes::await_others(const std::function<bool()>& cancelled) {
  const Clock::time_point deadline = Clock::now() + options_.join;
  for (int node = 0; node < options_.nodes; ++node) {
    while (true) {
      if (const auto other = store_->look(node_key(node))) {
        check_alike(node, *other);
        break;
      }
      NW_CHECK(!cancelled(), "[launcher] stopped while waiting for node ", node);
      NW_CHECK(Clock::now() < deadline, "[launcher] node ", node, " of ", options_.nodes,
               " has not come within ",
               std::chrono::duration_cast<std::chrono::seconds>(options_.join).count(),
               " s; start it with --node-rank ", node, " --master-addr ", options_.master_address,
               " --master-port ", port_);
      std::this_thread::sleep_for(kBetween);
    }
  }
}

void Nodes::begin_hold() {
  if (holds_) holds_->begin();
}

void Nodes::end_hold() {
  forgive_silence();
  if (holds_) holds_->end();
  // Whatever was asked before this question is answered, too.
  store_->look(beat_key(options_.node_rank));
}

std::optional<Hold> Nodes::held() {
  if (!holds_) return {};
  std::optional<Hold> hold = holds_->of_others();
  if (hold) forgive_silence();
  return hold;
}

void Nodes::forgive_silence() {
  for (Pulse& pulse : pulses_) pulse.since = Clock::now();
}

Fault Nodes::store_lost() const {
  return {-1, concat(options_.master_address, ":", port_), "", "can no longer be reached"};
}

std::optional<Fault> Nodes::look_for_lost(milliseconds silence) {
  if (options_.nodes == 1) return {};
  if (const auto lost = holds_->take_lost()) {
    return Fault{-1, lost->host, "", concat("ended; it had been stopped by hand at ", lost->since)};
  }
  store_->set(beat_key(options_.node_rank), std::to_string(++beats_));
  if (!is_first()) return {};
  for (int node = 1; node < options_.nodes; ++node) {
    Pulse& pulse = pulses_[static_cast<size_t>(node)];
    const std::string beat = store_->look(beat_key(node)).value_or("");
    if (beat != pulse.last) {
      pulse = {beat, Clock::now()};
    } else if (Clock::now() - pulse.since > silence) {
      const std::string who = store_->look(node_key(node)).value_or("");
      return Fault{-1, who.substr(0, who.find('\n')), "", "has given no sign of life"};
    }
  }
  return {};
}

bool Nodes::meet_after(int attempt, milliseconds silence, bool hurried) {
  const std::string key = concat("after/", attempt);
  Clock::time_point deadline = Clock::now() + kHurry;
  try {
    store_->add(key, 1);
    while (true) {
      while (held()) {
        deadline = Clock::now() + kHurry;
        std::this_thread::sleep_for(kBetween);
      }
      if (store_->add(key, 0) >= options_.nodes) break;
      if (look_for_lost(silence)) return false;
      if (hurried && Clock::now() > deadline) return false;
      std::this_thread::sleep_for(kBetween);
    }
  } catch (const Error&) {
    return false;
  }
  return true;
}

}  // namespace nw::dist
