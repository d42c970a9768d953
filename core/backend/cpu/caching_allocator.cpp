#include "core/backend/cpu/caching_allocator.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/free_lists.h"

namespace nw::cpu {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kLargestPerThread = size_t{32} << 10;
constexpr size_t kPerThreadClasses = 32;  // those up to kLargestPerThread
constexpr size_t kMostKeptPerThread = 32;
constexpr size_t kAlwaysKept = size_t{64} << 20;
constexpr size_t kStretch = size_t{64} << 20;
constexpr size_t kLargestRequest = size_t{1} << 48;

struct CpuMemory;
using ThreadLists = ThreadFreeLists<CpuMemory, kPerThreadClasses, kMostKeptPerThread>;

struct SizeClass {
  size_t number;
  size_t bytes;
};

/// 64, 128, 192, 256, then four steps to each doubling: 320, 384, 448, 512, 640, …
SizeClass class_of(size_t bytes) {
  const size_t units = bytes == 0 ? 1 : (bytes + kAlignment - 1) / kAlignment;
  if (units <= 4) return {units - 1, units * kAlignment};
  const auto doubling = static_cast<size_t>(std::bit_width(units - 1)) - 3;
  const size_t step = size_t{1} << doubling;
  const size_t quarters = (units + step - 1) / step;  // 5 … 8
  return {doubling * 4 + quarters - 1, quarters * step * kAlignment};
}

/// Of the machine. Linux promises more than that, and ends the program when it is used.
size_t physical_bytes() {
  static const size_t bytes =
      static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

[[noreturn]] void fail(size_t bytes) {
  throw Error(concat("[memory] not enough for a tensor of ", bytes,
                     " bytes; try a smaller batch or model"));
}

}  // namespace

void* CachingAllocator::allocate(size_t bytes) {
  if (bytes > kLargestRequest) fail(bytes);
  const SizeClass size = class_of(bytes);
  if (size.bytes > kLargestPerThread) return take_large(bytes);
  void* memory = ThreadLists::take(size.number);
  return memory != nullptr ? memory : ask_system(size.bytes);
}

void* CachingAllocator::take_large(size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > physical_bytes() - std::min(in_use_, physical_bytes())) fail(bytes);
  void* memory = arena_.take(bytes);
  if (memory == nullptr) memory = grow(bytes);
  in_use_ += bytes;
  most_in_use_ = std::max(most_in_use_, in_use_);
  peak_ = std::max(peak_, in_use_);
  return memory;
}

/// A block from a new stretch. Long ones, so that neighbours can be joined; the system gives real
/// memory only to what is written to.
void* CachingAllocator::grow(size_t bytes) {
  const size_t least = BlockArena::stretch_for(bytes);
  const size_t stretch = std::max(least, kStretch) / kAlignment * kAlignment;
  try {
    arena_.lend(ask_system(stretch), stretch);
  } catch (const Error&) {
    trim_locked();
    arena_.lend(ask_system(least), least);
  }
  return arena_.take(bytes);
}

void* CachingAllocator::ask_system(size_t bytes) {
  system_requests_.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::aligned_alloc(kAlignment, bytes);
  if (memory == nullptr) fail(bytes);
  return memory;
}

void CachingAllocator::free(void* memory, size_t bytes) noexcept {
  if (memory == nullptr) return;
  const SizeClass size = class_of(bytes);
  if (size.bytes <= kLargestPerThread) {
    ThreadLists::give(size.number, memory);
    return;
  }
  const std::lock_guard lock(mutex_);
  in_use_ -= bytes;
  arena_.give(memory);
  if (arena_.free_bytes() > std::max(kAlwaysKept, most_in_use_) + kStretch) {
    std::free(arena_.reclaim());
  }
}

size_t CachingAllocator::kept_bytes() const {
  const std::lock_guard lock(mutex_);
  return arena_.free_bytes();
}

size_t CachingAllocator::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

size_t CachingAllocator::peak_bytes() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}

void CachingAllocator::reset_peak() {
  const std::lock_guard lock(mutex_);
  peak_ = in_use_;
}

void CachingAllocator::trim() {
  const std::lock_guard lock(mutex_);
  trim_locked();
}

void CachingAllocator::trim_locked() {
  while (void* stretch = arena_.reclaim()) std::free(stretch);
}

CachingAllocator& caching_allocator() {
  static CachingAllocator& allocator = *new CachingAllocator;  // outlives every tensor
  return allocator;
}

}  // namespace nw::cpu
