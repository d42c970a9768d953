#include <cuda_runtime_api.h>

#include <cstring>

#include "tests/simulator/world.h"

/// Devices and errors, as the CUDA runtime has them.
namespace nw::simulated {
namespace {

thread_local int chosen_device = 0;
thread_local cudaError_t last_error = cudaSuccess;

constexpr int kThreadsOfProcessor = 768;  // few, so that kernels go on in strides

struct Named {
  cudaError_t error;
  const char* name;
  const char* text;
};
constexpr Named kNames[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
     "invalid configuration argument"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress",
     "an illegal memory access was encountered"},
    {cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources",
     "too many resources requested for launch"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
    {cudaErrorStreamCaptureMerge, "cudaErrorStreamCaptureMerge",
     "operation would result in a merge of separate capture sequences"},
    {cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched",
     "capture was not ended in the same stream as it began"},
    {cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined",
     "capturing stream has unjoined work"},
    {cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation",
     "dependency created on uncaptured work in another stream"},
    {cudaErrorStreamCaptureWrongThread, "cudaErrorStreamCaptureWrongThread",
     "attempt to terminate a thread-local capture sequence from another thread"},
    {cudaErrorCapturedEvent, "cudaErrorCapturedEvent",
     "operation not permitted on an event last recorded in a capturing stream"},
    {cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};

const Named& named(cudaError_t error) {
  for (const Named& one : kNames) {
    if (one.error == error) return one;
  }
  return kNames[std::size(kNames) - 1];
}

cudaError_t count_devices(int* count) {
  const Settings& all = settings();
  *count = all.old_driver ? 0 : all.devices;
  if (all.old_driver) return noted(cudaErrorInsufficientDriver);
  return all.devices == 0 ? noted(cudaErrorNoDevice) : cudaSuccess;
}

bool is_device(int device) {
  int count = 0;
  count_devices(&count);
  return device >= 0 && device < count;
}

/// That of the device, if it is lost, stays.
cudaError_t latest_error() {
  const std::lock_guard lock(world().mutex);
  const cudaError_t lost = world().lost[static_cast<size_t>(chosen_device)];
  return lost != cudaSuccess ? lost : last_error;
}

}  // namespace

cudaError_t noted(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

int device_of_thread() {
  return chosen_device;
}

}  // namespace nw::simulated

using namespace nw::simulated;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  return count_devices(count);
}

cudaError_t cudaGetDevice(int* device) {
  *device = chosen_device;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (!is_device(device)) return noted(cudaErrorInvalidDevice);
  chosen_device = device;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (!is_device(device)) return noted(cudaErrorInvalidDevice);
  *properties = {};
  std::strcpy(properties->name, "Simulated GPU");
  properties->major = settings().major;
  properties->minor = settings().minor;
  properties->totalGlobalMem = settings().memory;
  properties->multiProcessorCount = settings().processors;
  properties->maxThreadsPerMultiProcessor = kThreadsOfProcessor;
  properties->maxThreadsPerBlock = 1024;
  properties->warpSize = 32;
  properties->sharedMemPerBlock = 48 * 1024;
  properties->sharedMemPerBlockOptin = 227 * 1024;
  properties->managedMemory = 1;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (!is_device(device)) return noted(cudaErrorInvalidDevice);
  switch (attribute) {
    case cudaDevAttrClockRate:
      *value = 1'980'000;  // kHz
      return cudaSuccess;
    case cudaDevAttrMemoryClockRate:
      *value = 2'619'000;
      return cudaSuccess;
    case cudaDevAttrGlobalMemoryBusWidth:
      *value = 5120;
      return cudaSuccess;
    default:
      return noted(cudaErrorInvalidValue);
  }
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = settings().old_driver ? 12000 : CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = latest_error();
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() {
  return latest_error();
}

const char* cudaGetErrorName(cudaError_t error) {
  return named(error).name;
}

const char* cudaGetErrorString(cudaError_t error) {
  return named(error).text;
}

}  // extern "C"
