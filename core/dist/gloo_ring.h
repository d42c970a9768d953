#pragma once

#include <cstddef>
#include <span>

#include "core/dist/gloo_mesh.h"
#include "core/dist/reduce_numbers.h"

namespace nw::dist {

inline int right_of(const GlooMesh& mesh) {
  return (mesh.rank() + 1) % mesh.size();
}
inline int left_of(const GlooMesh& mesh) {
  return (mesh.rank() + mesh.size() - 1) % mesh.size();
}

/// How a row of bytes is cut for a ring: a share for each rank, each of as many segments, which are
/// sent while others are added. The last ones may be short or empty.
struct Cut {
  Cut(const GlooMesh& mesh, size_t all, size_t share_bytes, size_t segments_of_share, size_t item);
  /// Where segment `index` of all begins, and its bytes.
  size_t begin(size_t index) const;
  size_t length(size_t index) const;
  size_t begin_of_share(size_t rank) const;

  size_t bytes, share, segments, count, segment;
};

/// Where Gloo cuts for an all-reduce: the order in which a number's parts are added depends on it.
Cut cut_numbers(const GlooMesh& mesh, size_t bytes, size_t item);
/// One whole block a rank.
Cut cut_blocks(const GlooMesh& mesh, size_t block);

/// Sends size − 1 shares to the left, from that of rank `first` on, while those from the next one
/// on come from the right. With `add`, what comes is combined with the numbers and not put over
/// them.
void turn_ring(GlooMesh& mesh, const Cut& cut, int first, uint64_t way, std::byte* numbers,
               Combine add, size_t item);
/// `output` becomes the sum of all ranks' inputs[rank], of `count` elements in `bytes` bytes.
void scatter_ring(GlooMesh& mesh, size_t bytes, size_t count, Combine add,
                  std::span<const void* const> inputs, void* output);

}  // namespace nw::dist
