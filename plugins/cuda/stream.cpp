#include "plugins/cuda/stream.h"

#include <dlfcn.h>

#include <array>
#include <atomic>
#include <mutex>
#include <vector>

#include "core/base/error.h"
#include "plugins/cuda/trace.h"

namespace nw::cuda {
namespace {

constexpr int kMostDevices = 64;

/// What somebody can do about it.
std::string_view remedy_of(cudaError_t status) {
  switch (status) {
    case cudaErrorMemoryAllocation:
      return "; choose a smaller batch_size, or free the GPU's memory";
    case cudaErrorInsufficientDriver:
    case cudaErrorSystemDriverMismatch:
      return "; install a newer NVIDIA driver (this program was built with CUDA 13)";
    case cudaErrorNoDevice:
      return "; there is no GPU that the driver can see (CUDA_VISIBLE_DEVICES may hide it)";
    case cudaErrorNoKernelImageForDevice:
      return "; this build has no code for this GPU: build with NETWRIGHT_CUDA_ARCHITECTURES";
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorMisalignedAddress:
    case cudaErrorAssert:
      return "; the device is lost to this program: start it again, with CUDA_LAUNCH_BLOCKING=1 to "
             "see which kernel it was";
    case cudaErrorDevicesUnavailable:
      return "; another program has the GPU for itself";
    default:
      return "";
  }
}

/// Whether work that was queued before may have failed, rather than the call itself.
bool is_asynchronous(cudaError_t status) {
  return status == cudaErrorIllegalAddress || status == cudaErrorLaunchFailure ||
         status == cudaErrorMisalignedAddress || status == cudaErrorAssert ||
         status == cudaErrorLaunchTimeout || status == cudaErrorIllegalInstruction ||
         status == cudaErrorHardwareStackError || status == cudaErrorECCUncorrectable;
}

/// One stream of each device, made on first use.
class Streams {
 public:
  cudaStream_t of(int device) {
    One& one = all_.at(static_cast<size_t>(device));
    std::call_once(one.made, [&] {
      const DeviceScope scope(device);
      NW_CUDA(cudaStreamCreateWithFlags(&one.stream, cudaStreamNonBlocking));
    });
    return one.stream;
  }

 private:
  struct One {
    std::once_flag made;
    cudaStream_t stream = nullptr;
  };
  std::array<One, kMostDevices> all_;
};

cudaStream_t main_stream(int device) {
  static auto& all = *new Streams;
  return all.of(device);
}

/// The streams of StreamScopes of this thread; null: the main one.
thread_local std::array<cudaStream_t, kMostDevices> chosen_streams{};

int current_device() {
  int device = 0;
  NW_CUDA(cudaGetDevice(&device));
  return device;
}

struct Devices {
  int count = 0;
  std::string missing;

  Devices() {
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status == cudaSuccess && count > 0) return;
    count = 0;
    cudaGetLastError();  // is not to be found again by the next check
    void* driver = dlopen("libcuda.so.1", RTLD_LAZY);
    missing = driver == nullptr
                  ? "there is no NVIDIA driver (libcuda.so.1 is not found); install it, or choose "
                    "the device cpu"
                  : concat("the NVIDIA driver gives no GPU: ", cudaGetErrorString(status),
                           remedy_of(status));
    if (driver != nullptr) dlclose(driver);
  }
};

const Devices& devices() {
  static const Devices& all = *new Devices;
  return all;
}

double attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  NW_CUDA(cudaDeviceGetAttribute(&value, which, device));
  return value;
}

Hardware ask_hardware(int device) {
  cudaDeviceProp properties{};
  NW_CUDA(cudaGetDeviceProperties(&properties, device));
  return {.name = properties.name,
          .major = properties.major,
          .minor = properties.minor,
          .processors = properties.multiProcessorCount,
          .threads_per_processor = properties.maxThreadsPerMultiProcessor,
          .shared_bytes = properties.sharedMemPerBlockOptin,
          .managed = properties.managedMemory != 0,
          .hertz = 1e3 * attribute(cudaDevAttrClockRate, device),
          // Memory moves two bits a clock on each of its wires.
          .bytes_per_second = 2e3 * attribute(cudaDevAttrMemoryClockRate, device) *
                              attribute(cudaDevAttrGlobalMemoryBusWidth, device) / 8};
}

}  // namespace

void check(cudaError_t status, const char* call) {
  if (status == cudaSuccess) [[likely]]
    return;
  const std::string before = is_asynchronous(status) ? last_kernels() : std::string();
  const std::string_view name(call);
  throw Error(concat("[cuda] ", name.substr(0, name.find('(')), ": ", cudaGetErrorString(status),
                     " (", cudaGetErrorName(status), ")",
                     before.empty() ? "" : "; queued last: ", before, remedy_of(status)));
}

DeviceScope::DeviceScope(int device) : before_(current_device()) {
  if (device != before_) NW_CUDA(cudaSetDevice(device));
}

DeviceScope::~DeviceScope() {
  cudaSetDevice(before_);
}

cudaStream_t current_stream(int device) {
  const cudaStream_t chosen = chosen_streams.at(static_cast<size_t>(device));
  return chosen != nullptr ? chosen : main_stream(device);
}

cudaStream_t current_stream() {
  return current_stream(current_device());
}

cudaStream_t copy_stream(int device) {
  static auto& all = *new Streams;
  return all.of(device);
}

StreamScope::StreamScope(int device, cudaStream_t stream)
    : device_(device), before_(chosen_streams.at(static_cast<size_t>(device))) {
  chosen_streams.at(static_cast<size_t>(device)) = stream;
}

StreamScope::~StreamScope() {
  chosen_streams.at(static_cast<size_t>(device_)) = before_;
}

const Hardware& hardware(int device) {
  struct Known {
    std::once_flag asked;
    Hardware hardware;
  };
  static auto& all = *new std::array<Known, kMostDevices>;
  Known& one = all.at(static_cast<size_t>(device));
  std::call_once(one.asked, [&] { one.hardware = ask_hardware(device); });
  return one.hardware;
}

int64_t most_blocks() {
  constexpr int kThreadsOfBlock = 256;
  const Hardware& device = hardware(current_device());
  return int64_t{device.processors} * (device.threads_per_processor / kThreadsOfBlock);
}

int device_count() {
  return std::min(devices().count, kMostDevices);
}

std::string no_devices() {
  return devices().missing;
}

}  // namespace nw::cuda
