#include "core/dist/holds.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "core/base/error.h"

namespace nw::dist {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kSoon{5000};
constexpr milliseconds kUntilHeard{2000};
constexpr milliseconds kBetween{20};
/// However long somebody stays away.
constexpr milliseconds kForever = std::chrono::hours(24 * 365);

// How many holds have begun; then of each its Hold, how many others know of it, and its end.
constexpr const char* kCount = "holds";
std::string key(int64_t number, const char* what) {
  return concat("hold/", number, "/", what);
}
constexpr const char* kGoesOn = "goes on";
constexpr const char* kEnded = "ended";

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

}  // namespace

std::string Hold::text() const {
  return concat(host, " was stopped by hand at ", since);
}

Holds::~Holds() {
  if (!waiting_) return;
  waiting_->store->close();
  waiting_->thread.join();
}

void Holds::begin() {
  if (!store_) store_ = connect_();
  const int64_t number = store_->add(kCount, 1);
  own_.push_back(number);
  // Whoever waits hears of it also where this process ends meanwhile.
  store_->leave_will(key(number, "end"), kEnded);
  store_->set(key(number, "who"), concat(host_, "\n", now_text()));
  const Clock::time_point deadline = Clock::now() + kUntilHeard;
  while (store_->add(key(number, "heard"), 0) < nodes_ - 1 && Clock::now() < deadline) {
    std::this_thread::sleep_for(kBetween);
  }
}

void Holds::end() {
  if (own_.empty()) return;
  store_->set(key(own_.back(), "end"), kGoesOn);
  store_->withdraw_will();
}

void Holds::wait_for(int64_t number) {
  auto waiting = std::make_unique<Waiting>();
  waiting->store = connect_();
  const std::string who = waiting->store->get(key(number, "who"), kSoon);
  const size_t line = who.find('\n');
  NW_CHECK(line != who.npos, "[launcher] a node tells of its hold as \"", who, "\"");
  waiting->hold = {who.substr(0, line), who.substr(line + 1)};
  waiting->store->add(key(number, "heard"), 1);
  Waiting& one = *waiting;
  waiting_ = std::move(waiting);
  one.thread = std::thread([&one, end = key(number, "end")] {
    try {
      one.word = one.store->get(end, kForever);
    } catch (const Error&) {
    }
    one.done = true;
  });
}

void Holds::finish_waiting() {
  waiting_->thread.join();
  const std::unique_ptr<Waiting> over = std::move(waiting_);
  NW_CHECK(!over->word.empty(), "[launcher] ", over->hold.text(), " and went away");
  if (over->word == kEnded) lost_ = over->hold;
}

std::optional<Hold> Holds::of_others() {
  if (waiting_ && waiting_->done) finish_waiting();
  if (waiting_) return waiting_->hold;
  if (!store_) store_ = connect_();
  const std::optional<std::string> count = store_->look(kCount);
  const int64_t begun = count ? std::strtoll(count->c_str(), nullptr, 10) : 0;
  while (!waiting_ && seen_ < begun) {
    ++seen_;
    if (std::find(own_.begin(), own_.end(), seen_) == own_.end()) wait_for(seen_);
  }
  if (waiting_) return waiting_->hold;
  return {};
}

std::optional<Hold> Holds::take_lost() {
  return std::exchange(lost_, std::nullopt);
}

}  // namespace nw::dist
