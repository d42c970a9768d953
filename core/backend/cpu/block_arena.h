#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace nw::cpu {

/// Cuts blocks of any size out of large stretches of memory and joins neighbours again when they
/// are given back, so that what was one large tensor can be several small ones next, and the other
/// way round. All in constant time, but for a short look through blocks of nearly one size. Blocks
/// are 64-byte aligned. Owns the stretches that it was lent until it hands them back. Not
/// thread-safe.
/// Source: Masmano, Ripoll, Crespo, Real: "TLSF: a new dynamic memory allocator", 2004.
class BlockArena {
 public:
  /// Null when no free block is large enough.
  void* take(size_t bytes);
  /// Takes back a block of take().
  void give(void* memory);
  /// Lends a stretch of aligned_alloc() with room for a block of `bytes` at least.
  void lend(void* memory, size_t stretch_bytes);
  /// What a stretch must have so that one block of `bytes` fits.
  static size_t stretch_for(size_t bytes);
  /// Hands a stretch back of which nothing is in use; null: there is none.
  void* reclaim();

  /// Bytes in the stretches, and of them those that no block in use takes.
  size_t stretch_bytes() const { return stretch_bytes_; }
  size_t free_bytes() const { return free_bytes_; }

 private:
  struct Block;
  static constexpr size_t kBins = 192;

  static size_t bin_of(size_t bytes);
  Block* find(size_t bytes);
  void insert(Block* block);
  void remove(Block* block);

  std::array<Block*, kBins> bins_{};
  std::array<uint64_t, kBins / 64> filled_{};  // a bit for each bin that is not empty
  size_t stretch_bytes_ = 0;
  size_t free_bytes_ = 0;
};

}  // namespace nw::cpu
