#include "core/dist/watchdog.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/dist/run_keys.h"

namespace nw::dist {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBetween{250};
// Once an exchange has failed, a rank without a sign of life for so long was lost.
constexpr milliseconds kSuspiciousSilence{2000};
constexpr milliseconds kExplanation{3000};
/// How long the store stays for those who have not heard of a fault yet.
constexpr milliseconds kLastLooks{2000};
/// How long a process may live on after a fault, to tell of it.
constexpr milliseconds kLastWords{3000};

}  // namespace

Watchdog::Watchdog(WatchOptions options)
    : options_(std::move(options)),
      neighbour_(options_.rank),
      last_tick_(Clock::now()),
      pulses_(static_cast<size_t>(options_.size)) {
  options_.store->set(keys::who(options_.rank),
                      to_record(Fault{options_.rank, options_.host, options_.device, ""}));
  thread_ = std::thread([this] { run(); });
}

Watchdog::~Watchdog() {
  bool in_order = false;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    in_order = !fault_ && !failed_;
  }
  changed_.notify_all();
  thread_.join();
  if (!has_store_) return;
  try {
    leave(in_order);
  } catch (const Error&) {
    return;  // the store went first: the others see that, too
  }
}

void Watchdog::leave(bool in_order) {
  options_.store->set(in_order ? keys::done(options_.rank) : keys::told(options_.rank), "");
  if (!in_order && options_.serves) await_told();
}

/// Until all ranks but the lost one know of the fault.
void Watchdog::await_told() {
  const auto record = options_.store->look(keys::kFault);
  const int lost = record ? fault_from_record(*record).rank : -1;
  const Clock::time_point deadline = Clock::now() + kLastLooks;
  for (int rank = 0; rank < options_.size; ++rank) {
    if (rank == options_.rank || rank == lost) continue;
    while (!options_.store->look(keys::told(rank)) && !is_done(rank)) {
      if (Clock::now() >= deadline) return;
      std::this_thread::sleep_for(kBetween / 10);
    }
  }
}

void Watchdog::guard(std::shared_ptr<ProcessGroup> group) {
  const std::lock_guard lock(mutex_);
  group_ = std::move(group);
  if (fault_ && group_) group_->abort(fault_->text());
}

std::vector<Fault> Watchdog::all_ranks() {
  std::vector<Fault> out;
  for (int rank = 0; rank < options_.size; ++rank) {
    if (const auto record = options_.store->look(keys::who(rank))) {
      out.push_back(fault_from_record(*record));
    }
  }
  return out;
}

std::optional<Fault> Watchdog::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

Fault Watchdog::explain(const std::string& text, bool in_exchange) {
  std::unique_lock lock(mutex_);
  if (in_exchange && !fault_) {
    suspicious_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, kExplanation, [this] { return fault_.has_value(); });
  }
  if (fault_) return *fault_;
  failed_ = true;
  lock.unlock();
  const Fault own{options_.rank, options_.host, options_.device, concat("failed: ", text)};
  try {
    return fault_from_record(options_.store->set_if_absent(keys::kFault, to_record(own)));
  } catch (const Error&) {
    return own;
  }
}

void Watchdog::await_others(milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  options_.store->set(keys::done(options_.rank), "");
  for (int rank = 0; rank < options_.size; ++rank) {
    while (!is_done(rank) && !fault() && Clock::now() < deadline) {
      std::this_thread::sleep_for(kBetween / 10);
    }
  }
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    lock.unlock();
    if (has_store_) has_store_ = tick();
    look_at_clock();
    lock.lock();
    changed_.wait_for(lock, kBetween, [this] { return ending_; });
  }
}

/// False when the store is gone.
bool Watchdog::tick() {
  const Clock::time_point now = Clock::now();
  // While a signal held this process, nobody's silence counts.
  const auto passed =
      std::min(std::chrono::duration_cast<milliseconds>(now - last_tick_), 2 * kBetween);
  last_tick_ = now;
  try {
    options_.store->set(keys::beat(options_.rank), std::to_string(++beats_));
    look_for_fault();
    look_for_stop();
    take_pulses(passed);
  } catch (const Error&) {
    accept(options_.store_lost);
    return false;
  }
  return true;
}

void Watchdog::look_for_fault() {
  if (fault()) return;
  if (const auto record = options_.store->look(keys::kFault)) accept(fault_from_record(*record));
}

void Watchdog::look_for_stop() {
  if (options_.rank != 0 || stop_seen_ || !options_.store->look(keys::kStop)) return;
  stop_seen_ = true;
  if (options_.on_stop) options_.on_stop();
}

void Watchdog::take_pulses(milliseconds passed) {
  bool suspicious = false;
  {
    const std::lock_guard lock(mutex_);
    suspicious = suspicious_ && !fault_;
  }
  if (suspicious) {
    for (int rank = 0; rank < options_.size; ++rank) {
      if (rank != options_.rank) take_pulse(rank, passed, kSuspiciousSilence);
    }
    return;
  }
  for (int tries = 0; tries < options_.size; ++tries) {
    if (neighbour_ != options_.rank && !is_done(neighbour_)) break;
    neighbour_ = (neighbour_ + 1) % options_.size;
  }
  if (neighbour_ != options_.rank) take_pulse(neighbour_, passed, options_.silence);
}

void Watchdog::take_pulse(int rank, milliseconds passed, milliseconds most) {
  const auto record = options_.store->look(keys::beat(rank));
  if (!record) return;  // it has not begun; joining the group has a time limit of its own
  Pulse& pulse = pulses_[static_cast<size_t>(rank)];
  if (pulse.last != *record) {
    pulse = {*record, milliseconds(0)};
    return;
  }
  pulse.age += passed;
  if (pulse.age < most || is_done(rank)) return;
  const auto who = options_.store->look(keys::who(rank));
  Fault lost = who ? fault_from_record(*who) : Fault{rank, "", "", ""};
  lost.cause = concat("has given no sign of life for ",
                      static_cast<double>(pulse.age.count() / 100) / 10, " s");
  accept(fault_from_record(options_.store->set_if_absent(keys::kFault, to_record(lost))));
}

bool Watchdog::is_done(int rank) {
  return options_.store->look(keys::done(rank)).has_value();
}

void Watchdog::look_at_clock() {
  {
    const std::lock_guard lock(mutex_);
    if (overdue_ || !fault_ || Clock::now() - fault_time_ < kLastWords) return;
    overdue_ = true;
  }
  if (options_.on_overdue) options_.on_overdue(*fault());
}

void Watchdog::accept(const Fault& fault) {
  std::shared_ptr<ProcessGroup> group;
  {
    const std::lock_guard lock(mutex_);
    if (fault_ || ending_) return;
    fault_ = fault;
    fault_time_ = Clock::now();
    group = group_;
  }
  changed_.notify_all();
  if (group) group->abort(fault.text());
  if (options_.on_fault) options_.on_fault(fault);
}

}  // namespace nw::dist
