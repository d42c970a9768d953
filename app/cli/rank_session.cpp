#include "app/cli/rank_session.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "app/cli/console.h"
#include "app/cli/run.h"
#include "core/base/error.h"
#include "core/dist/init.h"
#include "core/dist/prefixed_store.h"
#include "core/dist/run_keys.h"

namespace nw::cli {
namespace {

using std::chrono::milliseconds;

/// For the ranks to find together.
constexpr milliseconds kJoin = std::chrono::minutes(10);
/// A rank that lives, as its signs of life say, may keep the others waiting for long.
constexpr milliseconds kExchange = std::chrono::minutes(30);
/// For the others to end, where this rank keeps their store.
constexpr milliseconds kEnd = std::chrono::minutes(1);

}  // namespace

RankSession::RankSession(const RankOptions& options, const dist::Placement& place,
                         const std::string& device)
    : place_(place),
      device_(device_of_rank(device, place.local_rank)),
      store_(open_store(options)) {
  watch(options);
  dist::InitOptions init;
  init.backend = options.backend(device_);
  init.rank = place_.rank;
  init.world_size = place_.world_size;
  init.timeout = std::max(kExchange, options.silence());
  init.device = device_;
  init.store = store_;
  try {
    group_ = std::make_shared<dist::WatchedGroup>(dist::init_process_group(init));
    watchdog_->guard(group_);
    store_->add(dist::keys::kJoined, 1);
    joined_.backend = init.backend;
    for (const dist::Fault& one : watchdog_->all_ranks()) {
      joined_.ranks.push_back({one.rank, one.host, one.device});
    }
  } catch (const Error& error) {
    throw Error(explain(error.text()).text());
  }
}

RankSession::~RankSession() {
  if (group_) dist::destroy_process_group();
  if (!fault()) connection_->withdraw_will();
  if (is_first() && place_.by != dist::StartedBy::Netwright && !fault()) {
    try {
      watchdog_->await_others(kEnd);
    } catch (const Error& error) {
      note("netwright-cli: " + error.text() + "\n");
    }
  }
}

std::shared_ptr<dist::Store> RankSession::open_store(const RankOptions& options) {
  const bool launched = place_.by == dist::StartedBy::Netwright;
  const bool serves = is_first() && !launched;
  auto store = std::make_shared<dist::TcpStore>(place_.master_address, place_.master_port, serves,
                                                kJoin, launched ? dist::keys::kJob : place_.job,
                                                place_.master_ports, options.silence());
  connection_ = store;
  return std::make_shared<dist::PrefixedStore>(std::move(store),
                                               dist::keys::attempt_prefix(place_.restart));
}

void RankSession::watch(const RankOptions& options) {
  dist::WatchOptions watch;
  watch.rank = place_.rank;
  watch.size = place_.world_size;
  watch.host = dist::host_name();
  watch.device = to_string(device_);
  watch.store = store_;
  watch.serves = is_first() && place_.by != dist::StartedBy::Netwright;
  const std::string where = concat(place_.master_address, ":", place_.master_port);
  watch.store_lost = place_.by == dist::StartedBy::Netwright
                         ? dist::Fault{-1, where, "", "can no longer be reached"}
                         : dist::Fault{0, place_.master_address, "", "can no longer be reached"};
  // Looks come a little apart; all together stays within what was asked for.
  watch.silence = options.silence() * 4 / 5;
  watch.on_stop = [this] { request_stop(); };
  watch.on_fault = [this](const dist::Fault&) { request_stop(); };
  const std::string self = dist::Fault{watch.rank, watch.host, watch.device, ""}.who();
  watch.on_overdue = [self](const dist::Fault& fault) {
    note(concat("netwright-cli: ", self, ": ", fault.text(), "\n"));
    _exit(kFailure);
  };
  // Our launcher sees a rank's end itself, and why. Otherwise the store does.
  if (place_.by != dist::StartedBy::Netwright) {
    const dist::Fault gone{watch.rank, watch.host, watch.device,
                           "went away: its process or the connection to it ended"};
    connection_->leave_will(dist::keys::attempt_prefix(place_.restart) + dist::keys::kFault,
                            to_record(gone));
  }
  watchdog_ = std::make_unique<dist::Watchdog>(std::move(watch));
}

void RankSession::request_stop() {
  std::function<void()> stop;
  {
    const std::lock_guard lock(mutex_);
    stop_asked_ = true;
    stop = stop_;
  }
  if (stop) stop();
}

void RankSession::steer(std::function<void()> stop) {
  bool asked = false;
  {
    const std::lock_guard lock(mutex_);
    stop_ = stop;
    asked = stop_asked_;
  }
  if (asked && stop) stop();
}

dist::Fault RankSession::explain(const std::string& text) {
  return watchdog_->explain(text, !group_ || group_->failed());
}

void RankSession::meet() {
  group_->barrier()->wait();
}

std::string RankSession::who() const {
  return dist::Fault{place_.rank, dist::host_name(), to_string(device_), ""}.who();
}

void RankSession::conclude() {
  store_->set(dist::keys::kConcluded, "");
}

std::string RankSession::description() const {
  const auto count = joined_.ranks.size();
  return concat(count, count == 1 ? " rank" : " ranks", " over ", joined_.backend, ", started by ",
                place_.started_by());
}

void RankSession::describe(nlohmann::ordered_json& out) const {
  out["started_by"] = place_.started_by();
  out["backend"] = joined_.backend;
  out["ranks"] = nlohmann::ordered_json::array();
  for (const train::RankPlace& one : joined_.ranks) {
    out["ranks"].push_back({{"rank", one.rank}, {"host", one.host}, {"device", one.device}});
  }
}

}  // namespace nw::cli
