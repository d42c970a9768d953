#pragma once

#include <array>
#include <cstddef>
#include <mutex>

namespace nw {

/// A stack of unused memory blocks of one size, linked through the blocks themselves. Owns nothing.
class FreeList {
 public:
  bool empty() const { return head_ == nullptr; }
  size_t count() const { return count_; }
  void push(void* block) {
    auto* link = static_cast<Link*>(block);
    link->next = head_;
    head_ = link;
    ++count_;
  }
  void* pop() {
    Link* block = head_;
    head_ = block->next;
    --count_;
    return block;
  }
  /// Takes up to `most` blocks from `other`.
  void take(FreeList& other, size_t most) {
    for (size_t i = 0; i < most && !other.empty(); ++i) push(other.pop());
  }

 private:
  struct Link {
    Link* next;
  };
  Link* head_ = nullptr;
  size_t count_ = 0;
};

/// Free lists for each of `kClasses` block sizes in two levels: every thread has lists of its own
/// (no lock), and a shared depot evens out between threads, so that blocks which one thread
/// allocates and another frees come back. `Tag` names the owner: one set of lists for each tag.
/// Nothing is ever given back to the system from here; what is kept is what was once in use.
template <typename Tag, size_t kClasses, size_t kMostKept>
class ThreadFreeLists {
 public:
  /// A free block of this class, or null when there is none.
  static void* take(size_t block_class) {
    if (!alive_) return nullptr;
    FreeList& list = local().lists[block_class];
    if (list.empty()) {
      Depot& shared = depot();
      const std::lock_guard lock(shared.mutex);
      list.take(shared.lists[block_class], kMostKept / 2);
      if (list.empty()) return nullptr;
    }
    return list.pop();
  }

  static void give(size_t block_class, void* block) noexcept {
    if (!alive_) {  // this thread's lists are gone already
      Depot& shared = depot();
      const std::lock_guard lock(shared.mutex);
      shared.lists[block_class].push(block);
      return;
    }
    FreeList& list = local().lists[block_class];
    list.push(block);
    if (list.count() > kMostKept) {
      Depot& shared = depot();
      const std::lock_guard lock(shared.mutex);
      shared.lists[block_class].take(list, kMostKept / 2);
    }
  }

 private:
  struct Depot {
    std::mutex mutex;
    std::array<FreeList, kClasses> lists;
  };
  struct Local {
    std::array<FreeList, kClasses> lists;
    ~Local() {
      alive_ = false;
      Depot& shared = depot();
      const std::lock_guard lock(shared.mutex);
      for (size_t i = 0; i < kClasses; ++i) shared.lists[i].take(lists[i], lists[i].count());
    }
  };

  static Depot& depot() {
    static Depot& shared = *new Depot;  // outlives every thread and static object
    return shared;
  }
  static Local& local() {
    static thread_local Local lists;
    return lists;
  }

  static inline thread_local bool alive_ = true;
};

}  // namespace nw
