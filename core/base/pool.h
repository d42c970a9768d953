#pragma once

#include <cstddef>

namespace nw {

/// Recycles small objects (tensor heads, autograd nodes) by size class, so that a training step
/// asks the system for no memory once it is warm. Any thread may free what another allocated.
/// Blocks over 512 bytes go to the system. Thread-safe; never returns null (throws std::bad_alloc).
void* pool_allocate(size_t bytes);
void pool_free(void* block, size_t bytes) noexcept;

/// Gives a class pooled `new` and `delete`. The destructor must be virtual for derived classes.
struct Pooled {
  static void* operator new(size_t bytes) { return pool_allocate(bytes); }
  static void operator delete(void* block, size_t bytes) noexcept { pool_free(block, bytes); }
};

}  // namespace nw
