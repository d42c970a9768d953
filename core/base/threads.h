#pragma once

namespace nw {

/// Threads that kernels may use, the OpenMP pool that oneDNN uses too. Default: the cores of the
/// machine, or NW_NUM_THREADS / OMP_NUM_THREADS. Numbers are bit-equal only for an equal count.
int num_threads();
void set_num_threads(int count);

}  // namespace nw
