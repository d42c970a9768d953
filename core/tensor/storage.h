#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/base/intrusive.h"
#include "core/tensor/device.h"

namespace nw {

/// Gives and takes back the memory of one device. Implementations are thread-safe and outlive every
/// tensor. Memory is aligned to 64 bytes and not cleared.
class Allocator {
 public:
  virtual ~Allocator() = default;
  /// Throws Error naming the needed bytes when there is not enough.
  virtual void* allocate(size_t bytes) = 0;
  virtual void free(void* memory, size_t bytes) noexcept = 0;
  /// Copies `bytes` from this memory to the host's, after all that was queued before. `from` is not
  /// null.
  virtual void read(const void* from, size_t bytes, void* to) const {
    std::memcpy(to, from, bytes);
  }
  /// How often memory was asked of the system since the start; does not grow in a warm loop.
  virtual uint64_t system_requests() const { return 0; }
};

/// A block of memory that tensors share. Gives the block back when the last handle goes.
class Storage : public RefCounted {
 public:
  Storage(Device device, size_t bytes, Allocator& allocator)
      : device_(device), bytes_(bytes), allocator_(allocator), data_(allocator.allocate(bytes)) {}
  ~Storage() override { allocator_.free(data_, bytes_); }

  Device device() const { return device_; }
  size_t bytes() const { return bytes_; }
  void* data() const { return data_; }
  const Allocator& allocator() const { return allocator_; }

  /// Counts in-place edits; a tensor saved for backward compares it before use.
  uint32_t version() const { return version_.load(std::memory_order_relaxed); }
  void bump_version() { version_.fetch_add(1, std::memory_order_relaxed); }

 private:
  Device device_;
  size_t bytes_;
  Allocator& allocator_;
  void* data_;
  std::atomic<uint32_t> version_{0};
};

}  // namespace nw
