#include "plugins/cuda/memory_source.h"

#include <unistd.h>

#include <cstring>

#include "core/base/error.h"
#include "plugins/cuda/faults.h"
#include "plugins/cuda/keeper.h"

namespace nw::cuda {
namespace {

/// The device that a stream belongs to.
int device_of(cudaStream_t stream) {
  int device = 0;
  NW_CUDA(cudaStreamGetDevice(stream, &device));
  return device;
}

/// Null, and no error left behind, when there is not enough.
void* taken(cudaError_t status, void* memory) {
  if (status != cudaErrorMemoryAllocation) {
    check(status, "cudaMalloc");
    return memory;
  }
  cudaGetLastError();
  return nullptr;
}

size_t pages(int name) {
  return static_cast<size_t>(sysconf(name)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

CudaEvent::CudaEvent(int device, cudaStream_t stream) : device_(device) {
  const DeviceScope scope(device);
  NW_CUDA(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming));
  const cudaError_t status = cudaEventRecord(event_, stream);
  if (status != cudaSuccess) cudaEventDestroy(event_);
  check(status, "cudaEventRecord");
}

CudaEvent::~CudaEvent() {
  cudaEventDestroy(event_);
}

bool CudaEvent::done() const {
  const cudaError_t status = cudaEventQuery(event_);
  if (status == cudaErrorNotReady) {
    cudaGetLastError();
    return false;
  }
  check(status, "cudaEventQuery");
  return true;
}

void CudaEvent::wait() {
  NW_CUDA(cudaEventSynchronize(event_));
  throw_fault(device_);
}

void CudaEvent::follow() {
  follow_on(cuda::current_stream(device_));
}

void CudaEvent::follow_on(cudaStream_t stream) {
  NW_CUDA(cudaStreamWaitEvent(stream, event_, 0));
}

void* DeviceMemory::take(size_t bytes) {
  const DeviceScope scope(device_);
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes);
  return taken(status, memory);
}

void DeviceMemory::give(void* memory) {
  const DeviceScope scope(device_);
  NW_CUDA(cudaFree(memory));  // waits for all that is queued
}

size_t DeviceMemory::free_bytes() const {
  const DeviceScope scope(device_);
  size_t free = 0;
  size_t total = 0;
  NW_CUDA(cudaMemGetInfo(&free, &total));
  return free;
}

size_t DeviceMemory::total_bytes() const {
  const DeviceScope scope(device_);
  size_t free = 0;
  size_t total = 0;
  NW_CUDA(cudaMemGetInfo(&free, &total));
  return total;
}

StreamHandle DeviceMemory::current_stream() const {
  return cuda::current_stream(device_);
}

std::unique_ptr<Event> DeviceMemory::mark(StreamHandle stream) {
  return std::make_unique<CudaEvent>(device_, static_cast<cudaStream_t>(stream));
}

void DeviceMemory::read(const void* from, size_t bytes, void* to) const {
  refuse_recording("numbers on the host");
  const cudaStream_t stream = cuda::current_stream(device_);
  NW_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream));
  NW_CUDA(cudaStreamSynchronize(stream));
  throw_fault(device_);
}

std::string DeviceMemory::name() const {
  return to_string(Device{DeviceType::Cuda, device_});
}

void* PinnedMemory::take(size_t bytes) {
  void* memory = nullptr;
  const cudaError_t status = cudaHostAlloc(&memory, bytes, cudaHostAllocPortable);
  return taken(status, memory);
}

void PinnedMemory::give(void* memory) {
  NW_CUDA(cudaFreeHost(memory));
}

size_t PinnedMemory::free_bytes() const {
  return pages(_SC_AVPHYS_PAGES);
}

size_t PinnedMemory::total_bytes() const {
  return pages(_SC_PHYS_PAGES);
}

std::unique_ptr<Event> PinnedMemory::mark(StreamHandle stream) {
  const auto handle = static_cast<cudaStream_t>(stream);
  return std::make_unique<CudaEvent>(device_of(handle), handle);
}

void PinnedMemory::read(const void* from, size_t bytes, void* to) const {
  std::memcpy(to, from, bytes);
}

}  // namespace nw::cuda
