#include "core/base/threads.h"

#include <omp.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "core/base/error.h"

namespace nw {
namespace {

constexpr int kMostThreads = 1024;

int default_threads() {
  for (const char* variable : {"NW_NUM_THREADS", "OMP_NUM_THREADS"}) {
    const char* text = std::getenv(variable);
    if (text == nullptr) continue;
    const std::string_view value(text);
    int count = 0;
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), count);
    if (failure == std::errc() && count >= 1 && count <= kMostThreads) return count;
  }
  return omp_get_num_procs();
}

// One count for the whole program: OpenMP's own is kept for each thread apart.
std::atomic<int>& thread_count() {
  static std::atomic<int> count{default_threads()};
  return count;
}

}  // namespace

int num_threads() {
  return thread_count().load(std::memory_order_relaxed);
}

void set_num_threads(int count) {
  NW_CHECK(count >= 1 && count <= kMostThreads, "[threads] expects 1 … ", kMostThreads,
           " threads, gets ", count);
  thread_count().store(count, std::memory_order_relaxed);
}

}  // namespace nw
