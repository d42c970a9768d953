#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/backend/backend.h"

namespace nw::cuda {

/// A queue of work, as its driver names it.
using StreamHandle = void*;

/// Where an allocator has its memory from, and how it learns how far a device is. CUDA, or a test.
class MemorySource {
 public:
  virtual ~MemorySource() = default;
  /// Null when there is not enough.
  virtual void* take(size_t bytes) = 0;
  virtual void give(void* memory) = 0;
  /// Of the device, whatever program uses it.
  virtual size_t free_bytes() const = 0;
  virtual size_t total_bytes() const = 0;
  /// The stream on which the calling thread queues work.
  virtual StreamHandle current_stream() const = 0;
  /// A moment in a stream.
  virtual std::unique_ptr<Event> mark(StreamHandle stream) = 0;
  /// Copies to the host after all that the calling thread has queued.
  virtual void read(const void* from, size_t bytes, void* to) const = 0;
  /// "cuda:0", "host memory that cuda reaches", for messages.
  virtual std::string name() const = 0;
};

/// Memory that is kept for reuse in the order of streams: a block that is freed may be given again
/// at once to who queues on the same stream, for work comes there in order. Sizes are rounded up to
/// 512 bytes; blocks are cut from segments of 2 MiB (up to 1 MiB), of 20 MiB (up to 10 MiB) or of
/// their own size, and joined with their neighbours when they come back. A block that other streams
/// use, too (used_on), comes back when these have passed the moment at which it was freed. When the
/// source has no more, all segments that lie idle are given back to it and it is asked again.
/// Thread-safe. Outlives every tensor. One that does not cache asks the source for each block and
/// gives it back when it is freed, so that a tool that watches memory sees where each one ends.
class CachingAllocator final : public Allocator {
 public:
  explicit CachingAllocator(std::unique_ptr<MemorySource> source, bool caches = true);

  /// Throws Error naming needed and free bytes.
  void* allocate(size_t bytes) override;
  void free(void* memory, size_t bytes) noexcept override;
  void read(const void* from, size_t bytes, void* to) const override;
  uint64_t system_requests() const override;

  /// Whether a block that is in use holds this address.
  bool owns(const void* address) const;
  /// The block that holds the address is used by work on `stream`, too.
  void used_on(const void* address, StreamHandle stream);

  /// Keeps all that the stream was given, also what lies idle, until release().
  void hold(StreamHandle stream);
  void release(StreamHandle stream);

  MemoryUse use() const;
  void reset_peak();
  void empty_cache();

 private:
  struct Block;
  struct BySize {
    bool operator()(const Block* a, const Block* b) const;
  };
  using FreeBlocks = std::set<Block*, BySize>;
  /// A freed block that waits for streams.
  struct Waiting {
    Block* block;
    std::vector<std::unique_ptr<Event>> events;
  };

  FreeBlocks& list_of(const Block& block) { return free_[block_is_small(block) ? 0 : 1]; }
  static bool block_is_small(const Block& block);
  Block* find_in_use(const void* address) const;
  Block* find_free(size_t size, StreamHandle stream);
  Block* new_segment(size_t size, StreamHandle stream);
  void split(Block& block, size_t size);
  void put_back(Block* block);
  Block* joined(Block* block, Block* neighbour);
  void take_in_waiting(bool wait);
  void give_back_idle();
  [[noreturn]] void fail(size_t bytes) const;

  std::unique_ptr<MemorySource> source_;
  const uint64_t total_;
  const bool caches_;
  mutable std::mutex mutex_;
  FreeBlocks free_[2];  // of small and large segments
  std::map<const void*, Block*> in_use_;
  std::vector<Waiting> waiting_;
  std::set<StreamHandle> held_;
  uint64_t allocated_ = 0;
  uint64_t reserved_ = 0;
  uint64_t peak_ = 0;
  uint64_t requests_ = 0;
};

}  // namespace nw::cuda
