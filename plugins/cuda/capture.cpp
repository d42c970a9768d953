#include "plugins/cuda/capture.h"

#include <array>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <optional>
#include <string_view>

#include "core/backend/creation.h"
#include "core/base/random.h"
#include "plugins/cuda/keeper.h"
#include "plugins/cuda/recorded_groups.h"
#include "plugins/cuda/stream.h"
#include "plugins/cuda/trace.h"

namespace nw::cuda {
namespace {

/// Held by the thread that records work of a device: CUDA spoils a recording while which anybody
/// waits for the whole device.
std::mutex& recording_on(int device) {
  static auto& all = *new std::array<std::mutex, 64>;
  return all.at(static_cast<size_t>(device));
}

/// A stream that nothing but one recording uses, with the memory that it was given.
class OwnStream {
 public:
  OwnStream(int device, CachingAllocator& memory) : device_(device), memory_(memory) {
    const DeviceScope scope(device);
    NW_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    memory_.hold(stream_);
  }
  ~OwnStream() {
    // What was queued may still use the memory. A device that is lost says so elsewhere.
    try {
      wait_for_device(device_);
    } catch (const Error&) {
    }
    const DeviceScope scope(device_);
    memory_.release(stream_);
    cudaStreamDestroy(stream_);
  }
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;

  cudaStream_t get() const { return stream_; }

 private:
  int device_;
  CachingAllocator& memory_;
  cudaStream_t stream_ = nullptr;
};

class Recording final : public Captured {
 public:
  Recording(int device, CachingAllocator& memory, const Captured* after)
      : device_(device),
        stream_(after == nullptr ? std::make_shared<OwnStream>(device, memory)
                                 : dynamic_cast<const Recording&>(*after).stream_),
        place_(zeros({2}, DType::Int64, Device{DeviceType::Cuda, device})) {}
  ~Recording() override {
    if (graph_ != nullptr) cudaGraphExecDestroy(graph_);
  }

  void record(Generator& generator, const std::function<void()>& work) {
    Keeper keeper;
    take_recorded();  // of one that failed
    const Generator before = generator;
    generator.begin_philox_base(reinterpret_cast<const uint64_t*>(place_.data<int64_t>()));
    std::exception_ptr failure;
    cudaGraph_t graph = nullptr;
    {
      const StreamScope scope(device_, stream_->get());
      // Relaxed: the allocator may ask the driver for memory, and other threads go on.
      NW_CUDA(cudaStreamBeginCapture(stream_->get(), cudaStreamCaptureModeRelaxed));
      try {
        work();
      } catch (...) {
        failure = std::current_exception();
      }
      const cudaError_t ended = cudaStreamEndCapture(stream_->get(), &graph);
      if (failure == nullptr && ended != cudaSuccess) failure = as_exception(ended);
      cudaGetLastError();  // told by now
    }
    random_numbers_ = generator.end_philox_base();
    if (failure == nullptr && !(generator == before)) {
      failure = std::make_exception_ptr(Error("[cuda] cannot record random numbers of the host"));
    }
    if (failure == nullptr) {
      const cudaError_t made = cudaGraphInstantiate(&graph_, graph, 0);
      if (made != cudaSuccess) failure = as_exception(made);
    }
    if (graph != nullptr) cudaGraphDestroy(graph);
    if (failure != nullptr) {
      generator = before;
      cudaGetLastError();
      std::rethrow_exception(failure);
    }
    kept_ = std::move(keeper.tensors());
    groups_ = take_recorded();
  }

  void replay(Generator& generator) override {
    const DeviceScope scope(device_);
    if (random_numbers_ > 0) {
      const uint64_t offset = generator.philox_offset();
      set_place(0, offset);
      if (seed_ != generator.initial_seed()) set_place(1, generator.initial_seed());
      seed_ = generator.initial_seed();
      generator.set_philox_offset(offset + random_numbers_);
    }
    note_kernel("recorded work");
    NW_CUDA(cudaGraphLaunch(graph_, current_stream(device_)));
    for (const auto& one : groups_) {
      if (const auto living = one.lock()) living->replayed();
    }
  }

 private:
  void set_place(int64_t i, uint64_t number) const {
    raw::fill_(place_.as_strided({}, {}, i), Scalar(static_cast<int64_t>(number)));
  }
  static std::exception_ptr as_exception(cudaError_t status) {
    try {
      check(status, "recording");
    } catch (...) {
      return std::current_exception();
    }
    return nullptr;
  }

  int device_;
  std::shared_ptr<OwnStream> stream_;
  Tensor place_;                  // where its random numbers begin: the offset and the seed
  std::optional<uint64_t> seed_;  // that stands there
  uint64_t random_numbers_ = 0;
  cudaGraphExec_t graph_ = nullptr;
  std::vector<Tensor> kept_;
  std::vector<std::weak_ptr<InRecording>> groups_;
};

}  // namespace

void wait_for_device(int device) {
  refuse_recording("waiting for the device");
  const std::lock_guard lock(recording_on(device));
  const DeviceScope scope(device);
  NW_CUDA(cudaDeviceSynchronize());
}

bool may_capture() {
  const char* wanted = std::getenv("NETWRIGHT_CUDA_GRAPHS");
  return wanted == nullptr || std::string_view(wanted) != "0";
}

std::unique_ptr<Captured> capture(int device, CachingAllocator& memory, Generator& generator,
                                  const Captured* after, const std::function<void()>& work) {
  const DeviceScope scope(device);
  auto recording = std::make_unique<Recording>(device, memory, after);
  const std::lock_guard lock(recording_on(device));
  recording->record(generator, work);
  return recording;
}

}  // namespace nw::cuda
