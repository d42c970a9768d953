#include "plugins/cuda/cuda_backend.h"

#include <array>
#include <cstdlib>
#include <mutex>
#include <string_view>

#include "core/base/warning.h"
#include "plugins/cuda/capture.h"
#include "plugins/cuda/faults.h"
#include "plugins/cuda/keeper.h"
#include "plugins/cuda/libraries.h"
#include "plugins/cuda/memory_source.h"
#include "plugins/cuda/peak.h"
#include "plugins/cuda/recurrent_cudnn.h"
#include "plugins/cuda/stream.h"
#include "plugins/cuda/trace.h"

namespace nw::cuda {
namespace {

constexpr int kMostDevices = 64;

void enter(Device device, const char* kernel) {
  int now = 0;
  NW_CUDA(cudaGetDevice(&now));
  if (device.type == DeviceType::Cuda && device.index != now) NW_CUDA(cudaSetDevice(device.index));
  note_kernel(kernel);
}

/// Finds a launch that failed where it was made.
void leave(Device, const char* kernel) {
  const cudaError_t status = cudaPeekAtLastError();
  if (status == cudaSuccess) [[likely]]
    return;
  cudaGetLastError();
  check(status, kernel);
}

/// An index that is there: backend_of() has seen to it.
int index_of(Device device) {
  NW_ASSERT(device.type == DeviceType::Cuda && device.index < device_count());
  return device.index;
}

/// A kernel over a library of NVIDIA's; the CPU's where that is not there.
template <Library& (*kLibrary)(), auto kEntry>
struct WithLibrary;
template <Library& (*kLibrary)(), typename... Arguments, void (*Kernels::*kEntry)(Arguments...)>
struct WithLibrary<kLibrary, kEntry> {
  static void run(Arguments... arguments) {
    static const bool found = [] {
      if (!kLibrary().found()) warn("cuda: " + kLibrary().problem());
      return kLibrary().found();
    }();
    const Kernels& kernels = found ? native_kernels() : fallback_kernels();
    (kernels.*kEntry)(static_cast<Arguments>(arguments)...);
  }
};

Kernels kernels_with_libraries() {
  Kernels kernels = native_kernels();
  kernels.matmul = WithLibrary<cublas_lt, &Kernels::matmul>::run;
  kernels.bmm = WithLibrary<cublas_lt, &Kernels::bmm>::run;
  kernels.linear = WithLibrary<cublas_lt, &Kernels::linear>::run;
  kernels.conv = WithLibrary<cudnn, &Kernels::conv>::run;
  kernels.conv_grad_input = WithLibrary<cudnn, &Kernels::conv_grad_input>::run;
  kernels.conv_grad_weight = WithLibrary<cudnn, &Kernels::conv_grad_weight>::run;
  kernels.recurrent = &recurrent_kernels();
  return kernels;
}

/// Whether freed memory is kept: not where the environment has NETWRIGHT_CUDA_CACHING=0, for tools
/// such as compute-sanitizer.
bool may_cache() {
  const char* wanted = std::getenv("NETWRIGHT_CUDA_CACHING");
  return wanted == nullptr || std::string_view(wanted) != "0";
}

/// Queues on the stream that is for copies.
class OnCopyStream final : public Aside {
 public:
  explicit OnCopyStream(int device) : scope_(device, copy_stream(device)) {}

 private:
  StreamScope scope_;
};

class CudaBackend final : public Backend {
 public:
  CudaBackend() : kernels_(complete(kernels_with_libraries(), {enter, leave})) {}

  std::string_view name() const override { return "cuda"; }
  int device_count() const override { return cuda::device_count(); }
  std::string missing() const override { return no_devices(); }
  DeviceFacts facts(Device device) const override {
    const Hardware& found = hardware(index_of(device));
    DeviceFacts facts{.name = found.name,
                      .major = found.major,
                      .minor = found.minor,
                      .bytes_per_second = found.bytes_per_second};
    set_peak(facts, found.processors, found.hertz);
    return facts;
  }

  Allocator& allocator(Device device) override { return memory_of(device); }
  Allocator& host_allocator() override { return pinned(); }
  MemoryUse memory(Device device) const override { return memory_of(device).use(); }
  void reset_peak(Device device) override { memory_of(device).reset_peak(); }
  void empty_cache(Device device) override {
    synchronize(device);
    memory_of(device).empty_cache();
    pinned().empty_cache();
  }

  const Kernels& kernels() const override { return kernels_; }
  void transfer(const Transfer& transfer) override;
  std::unique_ptr<Event> mark(Device device) override {
    const int index = index_of(device);
    return std::make_unique<CudaEvent>(index, current_stream(index));
  }
  std::unique_ptr<Aside> aside(Device device) override {
    return std::make_unique<OnCopyStream>(index_of(device));
  }
  bool can_capture() const override { return may_capture(); }
  std::unique_ptr<Captured> capture(Device device, Generator& generator, const Captured* after,
                                    const std::function<void()>& work) override {
    return cuda::capture(index_of(device), memory_of(device), generator, after, work);
  }
  void synchronize(Device device) override {
    wait_for_device(index_of(device));
    throw_fault(device.index);
  }

 private:
  static CachingAllocator& memory_of(Device device) {
    struct Memory {
      std::once_flag made;
      CachingAllocator* allocator = nullptr;
    };
    static auto& all = *new std::array<Memory, kMostDevices>;
    const int index = index_of(device);
    Memory& one = all[static_cast<size_t>(index)];
    std::call_once(one.made, [&] {
      one.allocator = new CachingAllocator(std::make_unique<DeviceMemory>(index), may_cache());
    });
    return *one.allocator;
  }

  static CachingAllocator& pinned() {
    static auto& one = *new CachingAllocator(std::make_unique<PinnedMemory>());
    return one;
  }

  const Kernels& kernels_;
};

void CudaBackend::transfer(const Transfer& transfer) {
  const bool from_gpu = transfer.from_device.type == DeviceType::Cuda;
  const bool to_gpu = transfer.to_device.type == DeviceType::Cuda;
  if (!from_gpu || !to_gpu) refuse_recording("a copy from or to the host");
  const int index = index_of(to_gpu ? transfer.to_device : transfer.from_device);
  const DeviceScope scope(index);
  const cudaStream_t stream = current_stream(index);
  if (from_gpu && to_gpu && transfer.from_device != transfer.to_device) {
    // Both devices go on only when the copy is done: their memory may be reused then.
    CudaEvent(transfer.from_device.index, current_stream(transfer.from_device.index))
        .follow_on(stream);
  }
  NW_CUDA(cudaMemcpyAsync(transfer.to, transfer.from, transfer.bytes, cudaMemcpyDefault, stream));
  if (from_gpu && to_gpu && transfer.from_device != transfer.to_device) {
    CudaEvent(index, stream).follow_on(current_stream(transfer.from_device.index));
  } else if (!to_gpu && pinned().owns(transfer.to)) {
    pinned().used_on(transfer.to, stream);
  } else if (!to_gpu) {
    NW_CUDA(cudaStreamSynchronize(stream));
    throw_fault(index);
  } else if (!from_gpu) {
    pinned().used_on(transfer.from, stream);
  }
}

}  // namespace

Backend& cuda_backend() {
  static auto& backend = *new CudaBackend;  // outlives every tensor
  return backend;
}

}  // namespace nw::cuda
