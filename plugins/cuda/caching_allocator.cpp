#include "plugins/cuda/caching_allocator.h"

#include <algorithm>

#include "core/backend/out_of_memory.h"

namespace nw::cuda {
namespace {

constexpr size_t kUnit = 512;
constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kLargestSmall = kMiB;
constexpr size_t kSmallSegment = 2 * kMiB;
constexpr size_t kLargestShared = 10 * kMiB;
constexpr size_t kLargeSegment = 20 * kMiB;

size_t rounded(size_t bytes, size_t unit) {
  return (std::max<size_t>(bytes, 1) + unit - 1) / unit * unit;
}

/// What the source is asked for so that a block of `size` can be cut from it.
size_t segment_for(size_t size) {
  if (size <= kLargestSmall) return kSmallSegment;
  if (size < kLargestShared) return kLargeSegment;
  return rounded(size, kSmallSegment);
}

std::string in_words(uint64_t bytes) {
  char text[64];
  std::snprintf(text, sizeof(text), "%llu bytes (%.2f GiB)", static_cast<unsigned long long>(bytes),
                static_cast<double>(bytes) / (1 << 30));
  return text;
}

}  // namespace

/// A stretch of a segment. Neighbours in memory know one another.
struct CachingAllocator::Block {
  char* start;
  size_t size;
  StreamHandle stream;
  bool small;
  bool used = false;
  Block* before = nullptr;
  Block* after = nullptr;
  std::set<StreamHandle> others = {};  // streams that use it besides its own
};

bool CachingAllocator::BySize::operator()(const Block* a, const Block* b) const {
  if (a->stream != b->stream) return std::less<>()(a->stream, b->stream);
  if (a->size != b->size) return a->size < b->size;
  return std::less<>()(a->start, b->start);
}

bool CachingAllocator::block_is_small(const Block& block) {
  return block.small;
}

CachingAllocator::CachingAllocator(std::unique_ptr<MemorySource> source, bool caches)
    : source_(std::move(source)), total_(source_->total_bytes()), caches_(caches) {}

void* CachingAllocator::allocate(size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > total_) fail(bytes);
  const size_t size = rounded(bytes, caches_ ? kUnit : 1);
  const StreamHandle stream = source_->current_stream();
  take_in_waiting(false);
  Block* block = find_free(size, stream);
  if (block == nullptr) block = new_segment(size, stream);
  if (block == nullptr) fail(bytes);
  split(*block, size);
  block->used = true;
  in_use_.emplace(block->start, block);
  allocated_ += block->size;
  peak_ = std::max(peak_, allocated_);
  return block->start;
}

/// The smallest that is large enough, taken out of its list.
CachingAllocator::Block* CachingAllocator::find_free(size_t size, StreamHandle stream) {
  if (!caches_) return nullptr;
  Block wanted{nullptr, size, stream, size <= kLargestSmall};
  FreeBlocks& list = list_of(wanted);
  const auto it = list.lower_bound(&wanted);
  if (it == list.end() || (*it)->stream != stream) return nullptr;
  // A huge block is not cut up for a request that a segment of its own would serve.
  if (!wanted.small && size >= kLargestShared && (*it)->size > 2 * size) return nullptr;
  Block* found = *it;
  list.erase(it);
  return found;
}

/// Null when the source has no more, even with all back that lies idle.
CachingAllocator::Block* CachingAllocator::new_segment(size_t size, StreamHandle stream) {
  const size_t bytes = caches_ ? segment_for(size) : size;
  ++requests_;
  void* memory = source_->take(bytes);
  if (memory == nullptr) {
    take_in_waiting(true);
    if (Block* block = find_free(size, stream)) return block;
    give_back_idle();
    memory = source_->take(bytes);
  }
  if (memory == nullptr) return nullptr;
  reserved_ += bytes;
  return new Block{static_cast<char*>(memory), bytes, stream, size <= kLargestSmall};
}

/// Cuts off what a block has over `size`, where that is worth keeping.
void CachingAllocator::split(Block& block, size_t size) {
  const size_t rest = block.size - size;
  if (block.small ? rest < kUnit : rest <= kLargestSmall) return;
  auto* other = new Block{block.start + size, rest, block.stream, block.small};
  other->before = &block;
  other->after = block.after;
  if (other->after != nullptr) other->after->before = other;
  block.after = other;
  block.size = size;
  list_of(*other).insert(other);
}

CachingAllocator::Block* CachingAllocator::find_in_use(const void* address) const {
  auto it = in_use_.upper_bound(address);
  if (it == in_use_.begin()) return nullptr;
  Block* block = (--it)->second;
  return static_cast<const char*>(address) < block->start + block->size ? block : nullptr;
}

void CachingAllocator::free(void* memory, size_t) noexcept {
  if (memory == nullptr) return;
  const std::lock_guard lock(mutex_);
  const auto it = in_use_.find(memory);
  Block* block = it->second;
  in_use_.erase(it);
  allocated_ -= block->size;
  try {
    if (block->others.empty()) {
      put_back(block);
      if (!caches_) give_back_idle();
      return;
    }
    Waiting waiting{block, {}};
    for (const StreamHandle stream : block->others) waiting.events.push_back(source_->mark(stream));
    block->others.clear();
    waiting_.push_back(std::move(waiting));
  } catch (const Error&) {
    // The device is lost, and the block with it; the next synchronisation says so.
  }
}

/// Joins a free block with the neighbour that comes after it in memory.
CachingAllocator::Block* CachingAllocator::joined(Block* block, Block* neighbour) {
  block->size += neighbour->size;
  block->after = neighbour->after;
  if (block->after != nullptr) block->after->before = block;
  delete neighbour;
  return block;
}

void CachingAllocator::put_back(Block* block) {
  block->used = false;
  const auto take_out = [&](Block* neighbour) {
    if (neighbour == nullptr || neighbour->used) return false;
    list_of(*neighbour).erase(neighbour);
    return true;
  };
  if (Block* after = block->after; take_out(after)) block = joined(block, after);
  if (Block* before = block->before; take_out(before)) block = joined(before, block);
  list_of(*block).insert(block);
}

/// Puts back the blocks whose other streams have passed; `wait`: all.
void CachingAllocator::take_in_waiting(bool wait) {
  const auto passed = [&](Waiting& waiting) {
    for (const auto& event : waiting.events) {
      if (wait) event->wait();
      if (!wait && !event->done()) return false;
    }
    put_back(waiting.block);
    return true;
  };
  std::erase_if(waiting_, passed);
}

void CachingAllocator::give_back_idle() {
  for (FreeBlocks& list : free_) {
    std::erase_if(list, [&](Block* block) {
      if (block->before != nullptr || block->after != nullptr) return false;
      if (held_.count(block->stream) > 0) return false;
      source_->give(block->start);
      reserved_ -= block->size;
      delete block;
      return true;
    });
  }
}

void CachingAllocator::fail(size_t bytes) const {
  const uint64_t free = source_->free_bytes();
  throw OutOfMemory(
      concat("[memory] ", source_->name(), " has not enough memory: ", in_words(bytes),
             " are needed, ", in_words(free), " of ", in_words(total_),
             " are free, and this program's tensors use ", in_words(allocated_),
             "; choose a smaller batch_size or a smaller model"),
      bytes, free);
}

void CachingAllocator::read(const void* from, size_t bytes, void* to) const {
  source_->read(from, bytes, to);
}

uint64_t CachingAllocator::system_requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

bool CachingAllocator::owns(const void* address) const {
  const std::lock_guard lock(mutex_);
  return find_in_use(address) != nullptr;
}

void CachingAllocator::used_on(const void* address, StreamHandle stream) {
  const std::lock_guard lock(mutex_);
  Block* block = find_in_use(address);
  if (block != nullptr && block->stream != stream) block->others.insert(stream);
}

void CachingAllocator::hold(StreamHandle stream) {
  const std::lock_guard lock(mutex_);
  held_.insert(stream);
}

void CachingAllocator::release(StreamHandle stream) {
  const std::lock_guard lock(mutex_);
  held_.erase(stream);
}

MemoryUse CachingAllocator::use() const {
  const std::lock_guard lock(mutex_);
  return {total_, source_->free_bytes(), allocated_, reserved_, peak_};
}

void CachingAllocator::reset_peak() {
  const std::lock_guard lock(mutex_);
  peak_ = allocated_;
}

void CachingAllocator::empty_cache() {
  const std::lock_guard lock(mutex_);
  take_in_waiting(true);
  give_back_idle();
}

}  // namespace nw::cuda
