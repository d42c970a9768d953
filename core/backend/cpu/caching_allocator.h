#pragma once

#include <array>
#include <atomic>
#include <mutex>

#include "core/base/free_lists.h"
#include "core/tensor/storage.h"

namespace nw::cpu {

/// Memory of the CPU, 64-byte aligned, kept for reuse: a training step that is warm asks the system
/// for none. Sizes are rounded up to classes, four to each power of two. Small blocks are kept for
/// each thread without a lock, larger ones under one; of the larger ones no more is kept than was
/// ever in use at once (and 64 MiB). Thread-safe.
class CachingAllocator final : public Allocator {
 public:
  void* allocate(size_t bytes) override;
  void free(void* memory, size_t bytes) noexcept override;

  uint64_t system_requests() const override {
    return system_requests_.load(std::memory_order_relaxed);
  }

  /// Bytes that are kept for reuse, without the small blocks of threads.
  size_t kept_bytes() const;
  /// Gives back to the system what kept_bytes() counts.
  void trim();

 private:
  static constexpr size_t kClasses = 192;

  void* take_kept(size_t block_class, size_t bytes);
  void* ask_system(size_t bytes);

  mutable std::mutex mutex_;
  std::array<FreeList, kClasses> lists_;
  size_t kept_ = 0;
  size_t in_use_ = 0;
  size_t most_in_use_ = 0;
  std::atomic<uint64_t> system_requests_{0};
};

/// The one of the CPU backend.
CachingAllocator& caching_allocator();

}  // namespace nw::cpu
