#pragma once

#include "core/tensor/tensor.h"

namespace nw::cuda {

/// Sizes (N, C, spatial…) as cuDNN is told of them: four or five. One spatial dimension becomes the
/// last of two, none becomes two of size 1.
struct DenseSizes {
  int rank = 4;
  int at[5] = {1, 1, 1, 1, 1};
  bool fits = true;  // the rank, and into 31 bits each of them and all together

  DenseSizes() = default;
  /// At least two sizes; more than five do not fit.
  explicit DenseSizes(const Dims& sizes);

  bool is_empty() const;
  /// Strides of row-major memory, or with the channels innermost.
  void strides(bool innermost, int* to) const;

  friend bool operator==(const DenseSizes&, const DenseSizes&) = default;
};

/// Mixes a number into a hash.
inline void mix_hash(size_t& hash, int64_t value) {
  hash ^= static_cast<size_t>(value) + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
}
size_t hash_of(const DenseSizes& sizes);

}  // namespace nw::cuda
