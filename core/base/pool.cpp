#include "core/base/pool.h"

#include <new>

#include "core/base/free_lists.h"

namespace nw {
namespace {

constexpr size_t kGrain = 16;
constexpr size_t kLargest = 512;
constexpr size_t kMostKept = 128;  // blocks of one size that a thread keeps to itself

struct SmallObjects;
using Lists = ThreadFreeLists<SmallObjects, kLargest / kGrain, kMostKept>;

size_t class_of(size_t bytes) {
  return bytes == 0 ? 0 : (bytes - 1) / kGrain;
}

}  // namespace

void* pool_allocate(size_t bytes) {
  if (bytes > kLargest) return ::operator new(bytes);
  const size_t block_class = class_of(bytes);
  void* block = Lists::take(block_class);
  return block != nullptr ? block : ::operator new((block_class + 1) * kGrain);
}

void pool_free(void* block, size_t bytes) noexcept {
  if (block == nullptr) return;
  if (bytes > kLargest) {
    ::operator delete(block);
  } else {
    Lists::give(class_of(bytes), block);
  }
}

}  // namespace nw
