#include "core/backend/cpu/block_arena.h"

#include <bit>

namespace nw::cpu {
namespace {

constexpr size_t kUnit = 64;
/// What is left of a block goes back as a block of its own from here on.
constexpr size_t kLeastRest = size_t{16} << 10;
/// Blocks of one bin that are looked at for one that is large enough.
constexpr int kMostTries = 16;

constexpr size_t rounded(size_t bytes) {
  return (bytes + kUnit - 1) / kUnit * kUnit;
}

}  // namespace

/// The head of a block; what is lent out lies behind it.
struct alignas(kUnit) BlockArena::Block {
  size_t bytes;   // with the head
  Block* before;  // its neighbour in the stretch; null: it is the first
  Block* next;    // in its bin
  Block* previous;
  bool is_free;
  bool is_last;  // of its stretch

  Block* after() {
    return is_last ? nullptr : reinterpret_cast<Block*>(reinterpret_cast<char*>(this) + bytes);
  }
};

size_t BlockArena::stretch_for(size_t bytes) {
  return rounded(bytes) + sizeof(Block);
}

/// Four bins to each doubling; a bin has the sizes from its own up to the next one's.
size_t BlockArena::bin_of(size_t bytes) {
  const size_t units = bytes / kUnit;
  if (units < 4) return units;
  const auto doubling = static_cast<size_t>(std::bit_width(units)) - 3;
  return 4 + doubling * 4 + (units >> doubling) - 4;
}

void BlockArena::insert(Block* block) {
  const size_t bin = bin_of(block->bytes);
  block->is_free = true;
  block->previous = nullptr;
  block->next = bins_[bin];
  if (block->next != nullptr) block->next->previous = block;
  bins_[bin] = block;
  filled_[bin / 64] |= uint64_t{1} << (bin % 64);
  free_bytes_ += block->bytes;
}

void BlockArena::remove(Block* block) {
  const size_t bin = bin_of(block->bytes);
  if (block->previous != nullptr) block->previous->next = block->next;
  if (block->next != nullptr) block->next->previous = block->previous;
  if (bins_[bin] == block) bins_[bin] = block->next;
  if (bins_[bin] == nullptr) filled_[bin / 64] &= ~(uint64_t{1} << (bin % 64));
  block->is_free = false;
  free_bytes_ -= block->bytes;
}

BlockArena::Block* BlockArena::find(size_t bytes) {
  const size_t own = bin_of(bytes);
  int tries = 0;
  for (Block* block = bins_[own]; block != nullptr && tries < kMostTries; block = block->next) {
    if (block->bytes >= bytes) return block;
    ++tries;
  }
  const size_t first = own + 1;
  for (size_t word = first / 64; word < filled_.size(); ++word) {
    uint64_t bits = filled_[word];
    if (word == first / 64) bits &= ~uint64_t{0} << (first % 64);
    if (bits != 0) return bins_[word * 64 + static_cast<size_t>(std::countr_zero(bits))];
  }
  return nullptr;
}

void* BlockArena::take(size_t bytes) {
  const size_t wanted = stretch_for(bytes);
  Block* block = find(wanted);
  if (block == nullptr) return nullptr;
  remove(block);
  if (block->bytes - wanted >= kLeastRest) {
    auto* rest = reinterpret_cast<Block*>(reinterpret_cast<char*>(block) + wanted);
    rest->bytes = block->bytes - wanted;
    rest->before = block;
    rest->is_last = block->is_last;
    block->bytes = wanted;
    block->is_last = false;
    if (Block* after = rest->after()) after->before = rest;
    insert(rest);
  }
  return block + 1;
}

void BlockArena::give(void* memory) {
  Block* block = static_cast<Block*>(memory) - 1;
  Block* after = block->after();
  if (after != nullptr && after->is_free) {
    remove(after);
    block->bytes += after->bytes;
    block->is_last = after->is_last;
  }
  if (Block* before = block->before; before != nullptr && before->is_free) {
    remove(before);
    before->bytes += block->bytes;
    before->is_last = block->is_last;
    block = before;
  }
  if (Block* next = block->after()) next->before = block;
  insert(block);
}

void BlockArena::lend(void* memory, size_t stretch_bytes) {
  auto* block = static_cast<Block*>(memory);
  block->bytes = stretch_bytes / kUnit * kUnit;
  block->before = nullptr;
  block->is_last = true;
  stretch_bytes_ += block->bytes;
  insert(block);
}

void* BlockArena::reclaim() {
  for (size_t bin = kBins; bin-- > 0;) {
    for (Block* block = bins_[bin]; block != nullptr; block = block->next) {
      if (block->before != nullptr || !block->is_last) continue;
      remove(block);
      stretch_bytes_ -= block->bytes;
      return block;
    }
  }
  return nullptr;
}

}  // namespace nw::cpu
