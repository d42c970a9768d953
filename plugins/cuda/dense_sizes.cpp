#include "plugins/cuda/dense_sizes.h"

#include <algorithm>

namespace nw::cuda {

DenseSizes::DenseSizes(const Dims& sizes) {
  rank = static_cast<int>(std::clamp<size_t>(sizes.size(), 4, 5));
  fits = sizes.size() <= 5 && numel(sizes) <= INT32_MAX;
  if (!fits) return;
  int next = 0;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (d == 2 && sizes.size() == 3) ++next;
    fits = fits && sizes[d] <= INT32_MAX;
    at[next++] = static_cast<int>(sizes[d]);
  }
}

bool DenseSizes::is_empty() const {
  return std::any_of(at, at + rank, [](int size) { return size == 0; });
}

void DenseSizes::strides(bool innermost, int* to) const {
  int step = 1;
  if (innermost) {
    to[1] = 1;
    step = at[1];
  }
  for (int d = rank - 1; d >= 2; --d) {
    to[d] = step;
    step *= at[d];
  }
  if (!innermost) {
    to[1] = step;
    step *= at[1];
  }
  to[0] = step;
}

size_t hash_of(const DenseSizes& sizes) {
  size_t hash = static_cast<size_t>(sizes.rank);
  for (const int size : sizes.at) mix_hash(hash, size);
  return hash;
}

}  // namespace nw::cuda
