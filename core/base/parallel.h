#pragma once

#include <cstdint>

namespace nw {

/// Threads that kernels may use, the OpenMP pool that oneDNN uses too. Default: the cores of the
/// machine, or NW_NUM_THREADS / OMP_NUM_THREADS. Numbers are bit-equal only for an equal count.
int num_threads();
void set_num_threads(int count);

/// Runs `body(begin, end)` over [0, count) in contiguous pieces, in parallel when each thread gets
/// at least `grain` items. Pieces depend only on count, grain and num_threads(): results repeat bit
/// for bit. `body` must not throw.
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
