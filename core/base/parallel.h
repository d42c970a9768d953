#pragma once

#include <cstdint>

namespace nw {

/// Threads that kernels may use, the calling one included. Default: the processors this program may
/// run on, or NW_NUM_THREADS / OMP_NUM_THREADS. Numbers are bit-equal only for an equal count.
int num_threads();
/// Throws Error unless 1 … 1024. For calls of parallel_for that begin later, on any thread.
void set_num_threads(int count);

/// Runs piece(body, i) for i in 0 … pieces−1 on the calling thread and on waiting helpers, and
/// returns when all are done. Who runs which piece is left open: a caller whose helpers get no
/// processor does everything itself. While another thread's pieces run, and within a piece, the
/// caller works alone. When pieces throw, one of their exceptions comes out in the end.
void run_pieces(int64_t pieces, void (*piece)(const void* body, int64_t index), const void* body);

/// Runs `body(begin, end)` over [0, count) in contiguous pieces, in parallel when each thread gets
/// at least `grain` items. Pieces depend only on count, grain and num_threads(): results repeat bit
/// for bit.
template <typename Body>
void parallel_for(int64_t count, int64_t grain, const Body& body) {
  struct Work {
    const Body& body;
    int64_t count;
    int64_t pieces;
  };
  Work work{body, count, grain > 0 ? count / grain : num_threads()};
  if (work.pieces > 1 && work.pieces > num_threads()) work.pieces = num_threads();
  if (work.pieces <= 1) {
    if (count > 0) body(int64_t{0}, count);
    return;
  }
  run_pieces(
      work.pieces,
      [](const void* given, int64_t i) {
        const Work& own = *static_cast<const Work*>(given);
        own.body(own.count * i / own.pieces, own.count * (i + 1) / own.pieces);
      },
      &work);
}

}  // namespace nw
