#include "core/base/pool.h"

#include <array>
#include <new>

namespace nw {
namespace {

constexpr size_t kGrain = 16;
constexpr size_t kLargest = 512;

struct FreeBlock {
  FreeBlock* next;
};

// Each thread keeps its own lists. A block freed by another thread joins that thread's list, which
// is fine: blocks of one class are interchangeable.
class ThreadPool {
 public:
  ~ThreadPool() {
    for (FreeBlock*& head : heads_) {
      while (head != nullptr) {
        FreeBlock* next = head->next;
        ::operator delete(head);
        head = next;
      }
    }
    alive() = false;
  }

  /// False once this thread's lists are gone: late frees then go straight to the system.
  static bool& alive() {
    static thread_local bool value = true;
    return value;
  }

  FreeBlock*& head(size_t bytes) { return heads_[(bytes - 1) / kGrain]; }

 private:
  std::array<FreeBlock*, kLargest / kGrain> heads_{};
};

ThreadPool& local_pool() {
  static thread_local ThreadPool pool;
  return pool;
}

size_t round_up(size_t bytes) {
  return (bytes + kGrain - 1) / kGrain * kGrain;
}

}  // namespace

void* pool_allocate(size_t bytes) {
  if (bytes == 0) bytes = 1;
  if (bytes <= kLargest && ThreadPool::alive()) {
    FreeBlock*& head = local_pool().head(bytes);
    if (head != nullptr) {
      FreeBlock* block = head;
      head = block->next;
      return block;
    }
  }
  return ::operator new(round_up(bytes));
}

void pool_free(void* block, size_t bytes) noexcept {
  if (block == nullptr) return;
  if (bytes == 0) bytes = 1;
  if (bytes <= kLargest && ThreadPool::alive()) {
    auto* freed = static_cast<FreeBlock*>(block);
    FreeBlock*& head = local_pool().head(bytes);
    freed->next = head;
    head = freed;
    return;
  }
  ::operator delete(block);
}

}  // namespace nw
