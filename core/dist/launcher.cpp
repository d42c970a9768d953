#include "core/dist/launcher.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <thread>

#include "core/base/error.h"
#include "core/dist/child_process.h"
#include "core/dist/nodes.h"
#include "core/dist/prefixed_store.h"
#include "core/dist/run_keys.h"

extern char** environ;  // NOLINT: POSIX's name

namespace nw::dist {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLook{100};     // between looks at the store
constexpr milliseconds kReport{3500};  // after a fault, for the ranks to tell of it and end
constexpr milliseconds kTerminate{500};
constexpr milliseconds kAgain{500};  // what is asked for sooner is the same wish
// After a hold, for the store to answer what the ranks had asked it.
constexpr milliseconds kCatchUp{200};

std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& changes) {
  std::vector<std::string> out;
  for (char** item = environ; *item != nullptr; ++item) out.emplace_back(*item);
  for (const auto& [name, value] : changes) {
    std::erase_if(out, [&](const std::string& item) { return item.starts_with(name + "="); });
    out.push_back(name + "=" + value);
  }
  return out;
}

}  // namespace

struct Launcher::Impl {
  explicit Impl(LaunchOptions given)
      : options(std::move(given)), processes(static_cast<int>(options.devices.size())) {}

  LaunchResult run();
  void start(int attempt);
  void watch();
  bool alive() const;
  void wait_for_something();
  void look_at_children();
  bool concluded() const;
  void note_death(int local);
  void note_stops();
  void look_at_store();
  void look_at_stop();
  void look_at_hold();
  void stand_with(const std::optional<Hold>& other);
  void signal_all(int number);
  bool meet_for_restart(int attempt);
  void end_what_is_left();
  void publish(Fault fault);
  void take(const Fault& fault);
  void read_lines(int local);
  int rank_of(int local) const { return options.node_rank * processes + local; }
  int world_size() const { return options.nodes * processes; }
  Fault named(int local, std::string cause) const;

  LaunchOptions options;
  int processes;
  std::unique_ptr<Nodes> nodes;
  std::atomic<int> stops{0};
  std::atomic<Clock::rep> last_stop{0};
  std::atomic<bool> hold{false};

  // Of one attempt:
  std::unique_ptr<PrefixedStore> store;
  std::vector<std::unique_ptr<ChildProcess>> children;
  std::vector<char> counted;  // whose end was looked at
  std::optional<Fault> fault;
  std::optional<Hold> standstill;  // with another node
  Clock::time_point fault_time;
  Clock::time_point next_look;
  int exit_code = 0;  // of a run that came to an end of its own
  int stops_seen = 0;
};

Fault Launcher::Impl::named(int local, std::string cause) const {
  return {rank_of(local), host_name(), options.devices[static_cast<size_t>(local)],
          std::move(cause)};
}

void Launcher::Impl::start(int attempt) {
  store = std::make_unique<PrefixedStore>(nodes->store(), keys::attempt_prefix(attempt));
  children.clear();
  counted.assign(static_cast<size_t>(processes), 0);
  fault.reset();
  standstill.reset();
  exit_code = 0;
  for (int local = 0; local < processes; ++local) {
    const bool first = rank_of(local) == 0;
    ChildProcess::Start how;
    how.command = options.command;
    std::vector<std::pair<std::string, std::string>> variables{
        {"RANK", std::to_string(rank_of(local))},
        {"LOCAL_RANK", std::to_string(local)},
        {"WORLD_SIZE", std::to_string(world_size())},
        {"LOCAL_WORLD_SIZE", std::to_string(processes)},
        {"MASTER_ADDR", options.master_address},
        {"MASTER_PORT", std::to_string(nodes->port())},
        {"NETWRIGHT_RESTART", std::to_string(attempt)}};
    variables.insert(variables.end(), options.variables.begin(), options.variables.end());
    how.environment = environment_with(variables);
    how.keeps_input = first && options.passes_input;
    how.pipes_output = !first || options.captures_first;
    how.pipes_errors = !first;
    children.push_back(std::make_unique<ChildProcess>(how));
  }
}

bool Launcher::Impl::alive() const {
  return std::any_of(children.begin(), children.end(),
                     [](const auto& child) { return child->running(); });
}

/// Until a process ends or writes, but not for long.
void Launcher::Impl::wait_for_something() {
  std::vector<pollfd> entries;
  for (const auto& child : children) {
    if (child->running()) entries.push_back({child->end_descriptor(), POLLIN, 0});
    for (const LineReader* reader : child->readers()) {
      entries.push_back({reader->descriptor(), POLLIN, 0});
    }
  }
  poll(entries.data(), entries.size(), static_cast<int>(kLook.count()));
}

void Launcher::Impl::read_lines(int local) {
  ChildProcess& child = *children[static_cast<size_t>(local)];
  for (LineReader* reader : child.readers()) {
    const bool is_error = reader != child.output();
    reader->read([&](std::string_view line) {
      if (options.on_line) options.on_line(rank_of(local), is_error, line);
    });
  }
}

bool Launcher::Impl::concluded() const {
  try {
    return store->look(keys::kConcluded).has_value();
  } catch (const Error&) {
    return false;  // the store went first
  }
}

/// A rank that ended while the run had not come to an end is a fault.
void Launcher::Impl::note_death(int local) {
  const int status = *children[static_cast<size_t>(local)]->status();
  counted[static_cast<size_t>(local)] = 1;
  if (status == 0 || fault) return;
  if (WIFEXITED(status) && concluded()) {
    exit_code = WEXITSTATUS(status);
    return;
  }
  publish(named(local, exit_cause(status)));
}

void Launcher::Impl::look_at_children() {
  for (int local = 0; local < processes; ++local) {
    ChildProcess& child = *children[static_cast<size_t>(local)];
    child.look();
    read_lines(local);
  }
  // One that a signal killed is the cause of the others' failure, if both ended meanwhile.
  for (const bool killed : {true, false}) {
    for (int local = 0; local < processes; ++local) {
      const ChildProcess& child = *children[static_cast<size_t>(local)];
      if (child.running() || counted[static_cast<size_t>(local)] != 0) continue;
      if (!killed || WIFSIGNALED(*child.status())) note_death(local);
    }
  }
}

/// A stopped rank is lost when it stays so.
void Launcher::Impl::note_stops() {
  if (standstill) return;
  for (int local = 0; local < processes && !fault; ++local) {
    const ChildProcess& child = *children[static_cast<size_t>(local)];
    const auto since = child.stopped_since();
    if (!child.running() || !since) continue;
    const auto held = std::chrono::duration_cast<milliseconds>(Clock::now() - *since);
    if (held < options.silence) continue;
    publish(named(local, concat("has been held by ", signal_name(child.stop_signal()), " for ",
                                static_cast<double>(held.count() / 100) / 10, " s")));
  }
}

void Launcher::Impl::publish(Fault found) {
  try {
    found = fault_from_record(store->set_if_absent(keys::kFault, to_record(found)));
  } catch (const Error&) {
    // The store is gone, and with it the launcher that kept it: what was seen here is known.
  }
  take(found);
}

void Launcher::Impl::take(const Fault& found) {
  if (fault) return;
  stand_with({});
  fault = found;
  fault_time = Clock::now();
  if (options.on_fault) options.on_fault(found);
}

void Launcher::Impl::look_at_store() {
  if (fault || Clock::now() < next_look) return;
  next_look = Clock::now() + kLook;
  try {
    stand_with(nodes->held());
    if (standstill) return;
    if (const auto record = store->look(keys::kFault)) return take(fault_from_record(*record));
    if (const auto lost = nodes->look_for_lost(options.silence)) publish(*lost);
  } catch (const Error&) {
    take(nodes->store_lost());
  }
}

void Launcher::Impl::look_at_stop() {
  const int asked = stops.load();
  if (asked == stops_seen) return;
  stops_seen = asked;
  bool orderly = asked == 1;
  try {
    // Ranks that still wait for each other have nothing to save.
    orderly = orderly && store->look(keys::kJoined) == std::to_string(world_size());
    store->set(keys::kStop, "");
  } catch (const Error&) {
    orderly = false;
  }
  if (orderly) return;
  publish(named(0, "was ended as asked"));
  signal_all(SIGKILL);
}

void Launcher::Impl::signal_all(int number) {
  for (const auto& child : children) child->signal(number);
}

/// This node's ranks stand still while another node does.
void Launcher::Impl::stand_with(const std::optional<Hold>& other) {
  if (other.has_value() == standstill.has_value()) return;
  const Hold which = other ? *other : *standstill;
  standstill = other;
  if (!standstill) std::this_thread::sleep_for(kCatchUp);
  signal_all(standstill ? SIGSTOP : SIGCONT);
  if (options.on_hold) options.on_hold(which, standstill.has_value());
}

void Launcher::Impl::look_at_hold() {
  if (!hold.exchange(false)) return;
  signal_all(SIGSTOP);
  try {
    nodes->begin_hold();
  } catch (const Error&) {  // the others see nothing but silence
  }
  kill(getpid(), SIGSTOP);  // returns when this process goes on
  try {
    nodes->end_hold();
  } catch (const Error&) {  // look_at_store() will see it, too
  }
  std::this_thread::sleep_for(kCatchUp);
  if (!standstill) signal_all(SIGCONT);
}

void Launcher::Impl::end_what_is_left() {
  if (!fault) return;
  const auto passed = Clock::now() - fault_time;
  // One that a signal holds has nothing to tell.
  for (const auto& child : children) {
    if (child->stopped_since() && passed > 2 * kLook) child->signal(SIGKILL);
  }
  if (passed < kReport) return;
  signal_all(passed < kReport + kTerminate ? SIGTERM : SIGKILL);
}

void Launcher::Impl::watch() {
  while (alive()) {
    wait_for_something();
    look_at_children();
    note_stops();
    look_at_store();
    look_at_stop();
    look_at_hold();
    end_what_is_left();
  }
  for (int local = 0; local < processes; ++local) read_lines(local);
}

/// Waits for the other nodes; true when all are to start again.
bool Launcher::Impl::meet_for_restart(int attempt) {
  const bool hurried = fault.has_value() || stops.load() > 0;
  if (!nodes->meet_after(attempt, options.silence, hurried)) {
    if (!fault) take(nodes->store_lost());
    return false;
  }
  // What another node saw after this one's ranks had ended, and what another one was asked.
  if (const auto record = store->look(keys::kFault)) take(fault_from_record(*record));
  return fault && attempt < options.max_restarts && !store->look(keys::kStop);
}

LaunchResult Launcher::Impl::run() {
  nodes = std::make_unique<Nodes>(
      NodeOptions{options.nodes, options.node_rank, processes, options.master_address,
                  options.master_port, options.join, options.silence},
      [this] { return stops.load() > 0; });
  int attempt = 0;
  while (true) {
    start(attempt);
    watch();
    if (!meet_for_restart(attempt)) break;
    ++attempt;
    if (options.on_restart) options.on_restart(attempt);
  }
  constexpr int kFailure = 1;
  return {fault ? kFailure : exit_code, fault, attempt};
}

Launcher::Launcher(LaunchOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Launcher::~Launcher() = default;

LaunchResult Launcher::run() {
  return impl_->run();
}

/// Who ends a job often sends its signal to the process and then to its whole group.
void Launcher::stop() {
  const Clock::rep now = Clock::now().time_since_epoch().count();
  const Clock::rep before = impl_->last_stop.exchange(now);
  if (impl_->stops == 0 || Clock::duration(now - before) > kAgain) ++impl_->stops;
}

void Launcher::hold() {
  impl_->hold = true;
}

}  // namespace nw::dist
