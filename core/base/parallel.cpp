#include "core/base/parallel.h"

#include <sched.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "core/base/error.h"

namespace nw {
namespace {

constexpr int kMostThreads = 1024;
/// How long a thread that has nothing to do looks out for work before it sleeps: about the time
/// between two kernels of a small network.
constexpr auto kPatience = std::chrono::microseconds(50);

int processors() {
  cpu_set_t own;
  const int count = sched_getaffinity(0, sizeof(own), &own) == 0 ? CPU_COUNT(&own) : 0;
  return count > 0 ? count : 1;
}

int default_threads() {
  for (const char* variable : {"NW_NUM_THREADS", "OMP_NUM_THREADS"}) {
    const char* text = std::getenv(variable);
    if (text == nullptr) continue;
    const std::string_view value(text);
    int count = 0;
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), count);
    if (failure == std::errc() && count >= 1 && count <= kMostThreads) return count;
  }
  return processors();
}

std::atomic<int>& thread_count() {
  static std::atomic<int> count{default_threads()};
  return count;
}

/// Returns as soon as done() holds, or after kPatience.
template <typename Done>
bool look_out_for(const Done& done) {
  constexpr int kLooksPerClock = 16;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  do {
    for (int i = 0; i < kLooksPerClock; ++i) {
      if (done()) return true;
      __builtin_ia32_pause();
    }
  } while (std::chrono::steady_clock::now() < until);
  return false;
}

/// Helper threads for one caller at a time. A piece is claimed by taking one from `open_`, which
/// holds the number of the call and how many of its pieces are left: who succeeds knows that the
/// call is still waiting for this piece, so that its description is still there.
class Helpers {
 public:
  void run(int64_t pieces, void (*piece)(const void*, int64_t), const void* body) {
    if (busy_.exchange(true, std::memory_order_acquire)) {  // by another thread, or by ourselves
      for (int64_t i = 0; i < pieces; ++i) piece(body, i);
      return;
    }
    have_helpers(static_cast<int>(pieces) - 1);
    piece_ = piece;
    body_ = body;
    unfinished_.store(static_cast<uint32_t>(pieces), std::memory_order_relaxed);
    ++call_;
    open_.store(call_ << kCountBits | static_cast<uint64_t>(pieces), std::memory_order_release);
    calls_.fetch_add(1, std::memory_order_release);
    calls_.notify_all();
    while (run_one()) {
    }
    wait_for_the_rest();
    const std::exception_ptr failure = std::exchange(failure_, nullptr);
    failed_.store(false, std::memory_order_relaxed);
    busy_.store(false, std::memory_order_release);
    if (failure) std::rethrow_exception(failure);
  }

 private:
  static constexpr int kCountBits = 16;
  static constexpr uint64_t kCountMask = (uint64_t{1} << kCountBits) - 1;
  static_assert(kMostThreads <= static_cast<int>(kCountMask));

  /// Claims a piece and runs it; false when none is left.
  bool run_one() {
    uint64_t open = open_.load(std::memory_order_acquire);
    while ((open & kCountMask) != 0) {
      if (!open_.compare_exchange_weak(open, open - 1, std::memory_order_acquire)) continue;
      try {
        piece_(body_, static_cast<int64_t>(open & kCountMask) - 1);
      } catch (...) {
        if (!failed_.exchange(true, std::memory_order_relaxed)) failure_ = std::current_exception();
      }
      if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
      return true;
    }
    return false;
  }

  void wait_for_the_rest() {
    const auto finished = [this] { return unfinished_.load(std::memory_order_acquire) == 0; };
    if (look_out_for(finished)) return;
    for (uint32_t left = unfinished_.load(std::memory_order_acquire); left != 0;
         left = unfinished_.load(std::memory_order_acquire)) {
      unfinished_.wait(left, std::memory_order_acquire);
    }
  }

  void help() {
    while (true) {
      const uint32_t calls = calls_.load(std::memory_order_acquire);
      if (run_one()) continue;
      const auto called = [&] { return calls_.load(std::memory_order_acquire) != calls; };
      if (!look_out_for(called)) calls_.wait(calls, std::memory_order_acquire);
    }
  }

  /// Helpers live as long as the program. Where the system gives no more, callers do with fewer.
  void have_helpers(int count) {
    try {
      for (; helpers_ < count; ++helpers_) std::thread([this] { help(); }).detach();
    } catch (const std::system_error&) {
      helpers_ = kMostThreads;
    }
  }

  std::atomic<bool> busy_{false};
  std::atomic<uint64_t> open_{0};
  std::atomic<uint32_t> unfinished_{0};
  std::atomic<uint32_t> calls_{0};
  // Written by the one who holds busy_ while no piece is open.
  void (*piece_)(const void*, int64_t) = nullptr;
  const void* body_ = nullptr;
  std::exception_ptr failure_;  // written by the piece that set failed_
  std::atomic<bool> failed_{false};
  uint64_t call_ = 0;
  int helpers_ = 0;
};

}  // namespace

int num_threads() {
  return thread_count().load(std::memory_order_relaxed);
}

void set_num_threads(int count) {
  NW_CHECK(count >= 1 && count <= kMostThreads, "[threads] expects 1 … ", kMostThreads,
           " threads, gets ", count);
  thread_count().store(count, std::memory_order_relaxed);
}

void run_pieces(int64_t pieces, void (*piece)(const void* body, int64_t index), const void* body) {
  static Helpers& helpers = *new Helpers;  // outlives every thread
  helpers.run(pieces, piece, body);
}

}  // namespace nw
