#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/backend/creation.h"
#include "plugins/cuda/kernels/number.h"

#ifdef __CUDACC__
#include "plugins/cuda/stream.h"

/// Starting kernels. They run on the calling thread's stream of the device that is current.
namespace nw::cuda {

/// Throws Error with the name of the op, whose kernel could not be started.
void check_launch();

template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), int64_t blocks, int threads, size_t shared_bytes,
            const Arguments&... arguments) {
  kernel<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads), shared_bytes,
           current_stream()>>>(static_cast<Parameters>(arguments)...);
  check_launch();
}

/// The block's memory of `shared_bytes`.
template <typename T>
__device__ __forceinline__ T* shared_memory() {
  extern __shared__ __align__(16) unsigned char memory[];
  return reinterpret_cast<T*>(memory);
}

}  // namespace nw::cuda
#endif

namespace nw::cuda {

inline constexpr int kThreads = 256;

/// Blocks of kThreads for `count` items: enough to fill the device, which then goes on in strides.
inline int64_t blocks_for(int64_t count) {
  return std::clamp<int64_t>((count + kThreads - 1) / kThreads, 1, most_blocks());
}

/// Number of this thread among all, and how many there are.
__device__ __forceinline__ int64_t thread_number() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ int64_t thread_count() {
  return static_cast<int64_t>(gridDim.x) * blockDim.x;
}

template <typename Body>
__global__ void for_each_kernel(Body body, int64_t count) {
  for (int64_t i = thread_number(); i < count; i += thread_count()) body(i);
}

/// Calls body(i) for i = 0 … count − 1, in any order, on the device.
template <typename Body>
void for_each(int64_t count, const Body& body) {
  if (count > 0) launch(for_each_kernel<Body>, blocks_for(count), kThreads, 0, body, count);
}

/// Memory on a tensor's device that lives as long as the call; kernels that were started may go on
/// using it, for the allocator reuses it in the order of the stream.
template <typename T>
class Scratch {
 public:
  Scratch(int64_t count, const Tensor& like)
      : memory_(empty({std::max<int64_t>(count, 1) * static_cast<int64_t>(sizeof(T))}, DType::UInt8,
                      like.device())) {}
  T* data() const { return static_cast<T*>(memory_.raw()); }

 private:
  Tensor memory_;
};

template <typename T>
T* numbers(const Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.raw()) : nullptr;
}

}  // namespace nw::cuda
