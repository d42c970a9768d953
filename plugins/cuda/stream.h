#pragma once

#include <cuda_runtime.h>

#include <string>

#include "core/tensor/tensor.h"

namespace nw::cuda {

/// Throws Error for a status that is no success: what was called, what CUDA says, and what to do.
/// Errors of work that was queued earlier name the last kernels that were queued.
void check(cudaError_t status, const char* call);

/// Makes a device the current one of this thread while it lives.
class DeviceScope {
 public:
  explicit DeviceScope(int device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  int before_ = 0;
};

/// What this thread queues its work on: the main stream of the device, which all threads share,
/// unless a StreamScope says otherwise. Streams do not wait for CUDA's legacy default stream.
cudaStream_t current_stream(int device);
/// The same for the device that is current.
cudaStream_t current_stream();

/// One stream of each device for copies that run beside its work.
cudaStream_t copy_stream(int device);

/// Lets this thread queue its work for `device` on another stream while it lives.
class StreamScope {
 public:
  StreamScope(int device, cudaStream_t stream);
  ~StreamScope();
  StreamScope(const StreamScope&) = delete;
  StreamScope& operator=(const StreamScope&) = delete;

 private:
  int device_;
  cudaStream_t before_;
};

/// What the hardware of a device offers; asked of the driver once.
struct Hardware {
  std::string name;
  int major = 0, minor = 0;
  int processors = 0;             // streaming multiprocessors
  int threads_per_processor = 0;  // that are resident at once
  size_t shared_bytes = 0;        // that one block can have, if it asks for them
  bool managed = false;           // memory that host and device share
  double hertz = 0;               // of the processors, at most
  double bytes_per_second = 0;    // from and to its memory, at most
};
const Hardware& hardware(int device);

/// How many blocks of 256 threads the current device runs at once.
int64_t most_blocks();

/// CUDA devices that the driver shows; 0 with the reason in no_devices().
int device_count();
/// Why there is none and what to do, or empty.
std::string no_devices();

}  // namespace nw::cuda

/// Calls a function of the CUDA runtime; throws Error where it fails.
#define NW_CUDA(call) ::nw::cuda::check((call), #call)
