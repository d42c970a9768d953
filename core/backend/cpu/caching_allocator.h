#pragma once

#include <atomic>
#include <mutex>

#include "core/backend/cpu/block_arena.h"
#include "core/tensor/storage.h"

namespace nw::cpu {

/// Memory of the CPU, 64-byte aligned, kept for reuse: a training step that is warm asks the system
/// for none. Small blocks have four sizes to each power of two and are kept for each thread without
/// a lock; larger ones are cut from long stretches under one, and no more is kept of them than was
/// ever in use at once (and 64 MiB). Thread-safe.
class CachingAllocator final : public Allocator {
 public:
  void* allocate(size_t bytes) override;
  void free(void* memory, size_t bytes) noexcept override;

  uint64_t system_requests() const override {
    return system_requests_.load(std::memory_order_relaxed);
  }

  /// Bytes that are kept for reuse, without the small blocks of threads. The system counts only
  /// those of them that were ever written to.
  size_t kept_bytes() const;
  /// Bytes of the larger blocks in use, and the most there were since the start or reset_peak().
  size_t used_bytes() const;
  size_t peak_bytes() const;
  void reset_peak();
  /// Gives back to the system what no block in use needs.
  void trim();

 private:
  void* take_large(size_t bytes);
  void* grow(size_t bytes);
  void* ask_system(size_t bytes);
  void trim_locked();

  mutable std::mutex mutex_;
  BlockArena arena_;
  size_t in_use_ = 0;
  size_t most_in_use_ = 0;
  size_t peak_ = 0;
  std::atomic<uint64_t> system_requests_{0};
};

/// The one of the CPU backend.
CachingAllocator& caching_allocator();

}  // namespace nw::cpu
