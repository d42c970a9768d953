#pragma once

#include <cstdint>

#include "core/base/threads.h"

namespace nw {

/// Runs `body(begin, end)` over [0, count) in contiguous pieces, in parallel when each thread gets
/// at least `grain` items. Pieces depend only on count, grain and num_threads(): results repeat bit
/// for bit. `body` must not throw. Include it only where OpenMP is switched on, as in core.
template <typename Body>
void parallel_for(int64_t count, int64_t grain, const Body& body) {
  int64_t pieces = grain > 0 ? count / grain : num_threads();
  if (pieces > num_threads()) pieces = num_threads();
  if (pieces <= 1) {
    if (count > 0) body(int64_t{0}, count);
    return;
  }
#pragma omp parallel for num_threads(pieces) schedule(static, 1)
  for (int64_t piece = 0; piece < pieces; ++piece) {
    body(count * piece / pieces, count * (piece + 1) / pieces);
  }
}

}  // namespace nw
