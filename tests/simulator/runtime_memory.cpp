#include <cuda_runtime_api.h>

#include <cstring>
#include <vector>

#include "tests/simulator/arena.h"
#include "tests/simulator/queue.h"
#include "tests/simulator/world.h"

/// Memory and copies, as the CUDA runtime has them.
namespace nw::simulated {
namespace {

constexpr size_t kUnit = 512;

size_t rounded(size_t bytes) {
  return (bytes + kUnit - 1) / kUnit * kUnit;
}

/// Waits for all that is queued on a device. Locked.
cudaError_t drain(std::unique_lock<std::mutex>& lock, int device) {
  std::map<uint64_t, uint64_t> wanted;
  for (const auto& [number, stream] : world().streams) {
    if (stream.device == device) wanted[number] = stream.queued;
  }
  return wait_until(lock, device, [&] {
    for (const auto& [number, queued] : wanted) {
      const auto found = world().streams.find(number);
      if (found != world().streams.end() && found->second.finished < queued) return false;
    }
    return true;
  });
}

enum class Kind : uint8_t { Pageable, Pinned, Device };

/// What a copy reads or writes; misuse() where it goes beyond an allocation.
Kind kind_of(const void* memory, size_t bytes, const char* which) {
  if (!is_in_arena(memory)) return Kind::Pageable;
  const std::optional<Allocation> found = allocation_of(memory);
  if (!found) misuse(std::string("a copy ") + which + " memory that is not allocated");
  const char* end = static_cast<const char*>(found->begin) + found->bytes;
  if (static_cast<const char*>(memory) + bytes > end) {
    misuse(std::string("a copy ") + which + " beyond the end of an allocation");
  }
  return found->device == kHost ? Kind::Pinned : Kind::Device;
}

bool agrees(cudaMemcpyKind kind, Kind from, Kind to) {
  switch (kind) {
    case cudaMemcpyDefault:
      return true;
    case cudaMemcpyHostToDevice:
      return from != Kind::Device && to == Kind::Device;
    case cudaMemcpyDeviceToHost:
      return from == Kind::Device && to != Kind::Device;
    case cudaMemcpyDeviceToDevice:
      return from == Kind::Device && to == Kind::Device;
    default:
      return from != Kind::Device && to != Kind::Device;
  }
}

/// The copy itself, when its turn comes: what it uses may have been freed since.
void copy_now(void* to, const void* from, size_t bytes) {
  kind_of(from, bytes, "reads");
  kind_of(to, bytes, "writes");
  const EveryDevice open;
  std::memmove(to, from, bytes);
}

}  // namespace

cudaError_t forbidden_while_recording() {
  World& w = world();
  for (auto& [number, stream] : w.streams) {
    if (stream.capture == nullptr || stream.capture->mode == cudaStreamCaptureModeRelaxed) continue;
    const bool own = stream.capture->thread == std::this_thread::get_id();
    if (!own && stream.capture->mode != cudaStreamCaptureModeGlobal) continue;
    stream.capture->valid = false;
    return noted(cudaErrorStreamCaptureUnsupported);
  }
  return cudaSuccess;
}

}  // namespace nw::simulated

using namespace nw::simulated;

extern "C" {

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  World& w = world();
  const int device = current_device();
  const std::lock_guard lock(w.mutex);
  if (const cudaError_t error = state_of(device); error != cudaSuccess) return error;
  if (const cudaError_t error = forbidden_while_recording(); error != cudaSuccess) return error;
  size_t& used = w.used[static_cast<size_t>(device)];
  *memory = nullptr;
  if (bytes == 0) return cudaSuccess;
  if (used + rounded(bytes) > settings().memory) return noted(cudaErrorMemoryAllocation);
  *memory = take_memory(device, bytes);
  if (*memory == nullptr) return noted(cudaErrorMemoryAllocation);
  used += rounded(bytes);
  return cudaSuccess;
}

/// Waits for all that is queued on the device, as CUDA's does.
cudaError_t cudaFree(void* memory) {
  if (memory == nullptr) return cudaSuccess;
  const std::optional<Allocation> found = allocation_of(memory);
  if (!found || found->begin != memory || found->device == kHost) {
    misuse("cudaFree() is given what cudaMalloc() did not give, or has been freed");
  }
  World& w = world();
  std::unique_lock lock(w.mutex);
  if (const cudaError_t error = forbidden_while_recording(); error != cudaSuccess) return error;
  if (const cudaError_t error = drain(lock, found->device); error != cudaSuccess) return error;
  w.used[static_cast<size_t>(found->device)] -= rounded(found->bytes);
  give_memory(found->device, memory);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const std::lock_guard lock(world().mutex);
  const int device = current_device();
  *total = settings().memory;
  *free = *total - world().used[static_cast<size_t>(device)];
  return state_of(device);
}

cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  const std::lock_guard lock(world().mutex);
  if (const cudaError_t error = state_of(current_device()); error != cudaSuccess) return error;
  if (const cudaError_t error = forbidden_while_recording(); error != cudaSuccess) return error;
  *memory = take_memory(kHost, bytes);
  return *memory == nullptr ? noted(cudaErrorMemoryAllocation) : cudaSuccess;
}

/// Waits for nothing: who frees what a copy will read finds that out.
cudaError_t cudaFreeHost(void* memory) {
  const std::lock_guard lock(world().mutex);
  if (const cudaError_t error = forbidden_while_recording(); error != cudaSuccess) return error;
  if (memory != nullptr && give_memory(kHost, memory) == 0) {
    misuse("cudaFreeHost() is given what cudaHostAlloc() did not give, or has been freed");
  }
  return cudaSuccess;
}

cudaError_t cudaHostGetDevicePointer(void** on_device, void* on_host, unsigned) {
  const std::optional<Allocation> found = allocation_of(on_host);
  if (!found || found->device != kHost) return noted(cudaErrorInvalidValue);
  *on_device = on_host;
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  const Kind source = kind_of(from, bytes, "reads");
  const Kind target = kind_of(to, bytes, "writes");
  if (!agrees(kind, source, target)) return noted(cudaErrorInvalidValue);
  {
    const std::lock_guard lock(world().mutex);
    if (const cudaError_t error = state_of(stream_of(stream).device); error != cudaSuccess) {
      return error;
    }
    const bool pageable = source == Kind::Pageable || target == Kind::Pageable;
    if (pageable && stream_of(stream).capture != nullptr) {
      misuse(
          "a copy from or to pageable memory is recorded: its memory may be gone when the graph "
          "is launched");
    }
  }
  if (source == Kind::Pageable) {  // is read before this returns
    const auto* begin = static_cast<const char*>(from);
    enqueue(stream, [to, staged = std::vector<char>(begin, begin + bytes)] {
      copy_now(to, staged.data(), staged.size());
    });
    return cudaSuccess;
  }
  enqueue(stream, [to, from, bytes] { copy_now(to, from, bytes); });
  return target == Kind::Pageable ? cudaStreamSynchronize(stream) : cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!is_memory_of(device_of(stream), to, bytes)) misuse("cudaMemsetAsync() writes elsewhere");
  enqueue(stream, [to, value, bytes] { std::memset(to, value, bytes); });
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  World& w = world();
  std::unique_lock lock(w.mutex);
  const int device = current_device();
  for (auto& [number, stream] : w.streams) {
    if (stream.capture == nullptr || stream.device != device) continue;
    stream.capture->valid = false;
    return noted(cudaErrorStreamCaptureUnsupported);
  }
  return drain(lock, device);
}

}  // extern "C"
