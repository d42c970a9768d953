#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

#include "core/base/error.h"

/// CUDA kernels on the CPU: what a kernel file needs of CUDA C++, so that the C++ compiler takes it
/// and tests can run it where there is no GPU. Included before the kernel file itself. Blocks run
/// one after the other; the threads of a block are fibers that change places where the block or a
/// warp meets, so barriers, shuffles and shared memory do what they do on a GPU. Blocks, and
/// threads between two meetings, run in an order that is drawn, so that what leans on an order is
/// found. A kernel whose threads do not all come to a meeting point ends with an error.
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(...)

struct CUstream_st;

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

namespace nw::emulated {

inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kMostThreads = 1024;

/// Where a thread of a block waits.
enum class Wait : uint8_t { None, Block, Warp, Over };

/// The thread that runs now, where it stands, and what kernels see of its surroundings.
struct Place {
  dim3 thread, block, block_size, grid_size;
  unsigned number = 0;     // in its block
  unsigned threads = 0;    // of the block
  char* shared = nullptr;  // the block's memory that the launch asked for
};
extern Place here;

/// Gives the processor back until all of the block, or of the warp, wait alike.
void meet(Wait wait);
/// 16 bytes that the thread of this number in the block shows its warp.
char* slot_of(unsigned number);

/// Runs a kernel to its end: `body` is what each thread does. One launch at a time. Throws Error
/// where the threads of a block wait for each other at different places.
void run(unsigned blocks, unsigned threads, size_t shared_bytes, const std::function<void()>& body);
/// From what the order of blocks and threads is drawn.
void set_seed(uint64_t seed);

/// A launch as a kernel file asks for it: queued on a stream, with all that it needs by value.
/// Whoever links kernels says what that means.
void launch(CUstream_st* stream, int64_t blocks, int threads, size_t shared_bytes,
            size_t parameter_bytes, std::function<void()> body);

/// What the thread `lane` of this warp shows.
template <typename T>
T exchange(T value, unsigned lane) {
  static_assert(sizeof(T) <= 16);
  const unsigned own = here.number;
  std::memcpy(slot_of(own), &value, sizeof(T));
  meet(Wait::Warp);
  const unsigned from = own / kWarp * kWarp + lane;
  T given = value;
  if (lane < kWarp && from < here.threads) std::memcpy(&given, slot_of(from), sizeof(T));
  meet(Wait::Warp);
  return given;
}
inline unsigned lane() {
  return here.number % kWarp;
}

}  // namespace nw::emulated

#define threadIdx (::nw::emulated::here.thread)
#define blockIdx (::nw::emulated::here.block)
#define blockDim (::nw::emulated::here.block_size)
#define gridDim (::nw::emulated::here.grid_size)

inline void __syncthreads() {
  nw::emulated::meet(nw::emulated::Wait::Block);
}
inline void __syncwarp() {
  nw::emulated::meet(nw::emulated::Wait::Warp);
}
template <typename T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  return nw::emulated::exchange(value, nw::emulated::lane() ^ static_cast<unsigned>(mask));
}
template <typename T>
T __shfl_up_sync(unsigned, T value, unsigned delta) {
  const unsigned lane = nw::emulated::lane();
  return nw::emulated::exchange(value, lane >= delta ? lane - delta : lane);
}
template <typename T>
T __shfl_down_sync(unsigned, T value, unsigned delta) {
  const unsigned lane = nw::emulated::lane();
  return nw::emulated::exchange(value, lane + delta < nw::emulated::kWarp ? lane + delta : lane);
}
template <typename T>
T __shfl_sync(unsigned, T value, int lane) {
  return nw::emulated::exchange(value, static_cast<unsigned>(lane));
}
inline unsigned __ballot_sync(unsigned, bool mark) {
  unsigned marks = 0;
  for (unsigned lane = 0; lane < nw::emulated::kWarp; ++lane) {
    if (nw::emulated::exchange(mark ? 1u : 0u, lane) != 0) marks |= 1u << lane;
  }
  return marks;
}
inline int __ffs(unsigned bits) {
  return __builtin_ffs(static_cast<int>(bits));
}
inline int __popc(unsigned bits) {
  return __builtin_popcount(bits);
}
template <typename T>
T atomicAdd(T* to, T value) {
  const T before = *to;
  *to = before + value;
  return before;
}
template <typename T>
T atomicMax(T* to, T value) {
  const T before = *to;
  *to = std::max(before, value);
  return before;
}
template <typename T>
T atomicCAS(T* to, T expected, T value) {
  const T before = *to;
  if (before == expected) *to = value;
  return before;
}
template <typename T>
T atomicExch(T* to, T value) {
  const T before = *to;
  *to = value;
  return before;
}

namespace nw::cuda {

CUstream_st* current_stream();
int64_t most_blocks();
void check_launch();

/// What `kernel<<<…>>>` is to nvcc: arguments are copied when it is called.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), int64_t blocks, int threads, size_t shared_bytes,
            const Arguments&... arguments) {
  nw::emulated::launch(
      current_stream(), blocks, threads, shared_bytes, (sizeof(Parameters) + ... + 0),
      [kernel, ... given = static_cast<Parameters>(arguments)] { kernel(given...); });
  check_launch();
}

template <typename T>
T* shared_memory() {
  return reinterpret_cast<T*>(nw::emulated::here.shared);
}

}  // namespace nw::cuda
