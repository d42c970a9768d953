#pragma once

#include "plugins/cuda/kernels/launch.h"

/// Many threads make one number. Every thread of the block must come to these functions; joining is
/// done in a fixed order, so results repeat bit for bit.
namespace nw::cuda {

inline constexpr int kWarpThreads = 32;
inline constexpr unsigned kAllLanes = 0xffffffffu;

template <typename V>
__device__ __forceinline__ V shuffle_xor(V value, int mask) {
  return __shfl_xor_sync(kAllLanes, value, mask);
}

/// A number and where it stands.
template <typename F>
struct Placed {
  F value;
  int64_t place;
};
template <typename F>
__device__ __forceinline__ Placed<F> shuffle_xor(Placed<F> given, int mask) {
  return {__shfl_xor_sync(kAllLanes, given.value, mask),
          __shfl_xor_sync(kAllLanes, given.place, mask)};
}

/// All threads of the warp get the whole; `join` is symmetric.
template <typename V, typename Join>
__device__ __forceinline__ V warp_reduce(V value, const Join& join) {
  for (int mask = kWarpThreads / 2; mask > 0; mask /= 2) {
    value = join(value, shuffle_xor(value, mask));
  }
  return value;
}

/// All threads of the block, whose number is a multiple of 32, get the whole.
template <typename V, typename Join>
__device__ __forceinline__ V block_reduce(V value, const Join& join) {
  __shared__ V parts[kWarpThreads];
  const int warps = static_cast<int>(blockDim.x) / kWarpThreads;
  value = warp_reduce(value, join);
  if (warps == 1) return value;
  __syncthreads();  // what was there before has been read
  if (threadIdx.x % kWarpThreads == 0) parts[threadIdx.x / kWarpThreads] = value;
  __syncthreads();
  V whole = parts[0];
  for (int i = 1; i < warps; ++i) whole = join(whole, parts[i]);
  return whole;
}

template <typename V>
struct Plus {
  __device__ V operator()(V a, V b) const { return a + b; }
};
/// NaN wins.
template <typename V>
struct Larger {
  __device__ V operator()(V a, V b) const { return a != a || a > b ? a : b; }
};

/// Threads for a block that works on rows of `columns` numbers.
inline int threads_for_row(int64_t columns) {
  int threads = kWarpThreads;
  while (threads < kThreads && threads < columns) threads *= 2;
  return threads;
}
/// Blocks that share `rows`, one row at a time.
inline int64_t blocks_for_rows(int64_t rows, int threads) {
  return std::clamp<int64_t>(rows, 1, most_blocks() * (kThreads / threads));
}

}  // namespace nw::cuda
