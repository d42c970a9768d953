#include "plugins/cuda/capture.h"

#include <cstdlib>
#include <exception>
#include <string_view>

#include "core/backend/creation.h"
#include "core/base/random.h"
#include "plugins/cuda/keeper.h"
#include "plugins/cuda/stream.h"
#include "plugins/cuda/trace.h"

namespace nw::cuda {
namespace {

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
    const DeviceScope scope(device_);
    cudaDeviceSynchronize();
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
        place_(zeros({1}, DType::Int64, Device{DeviceType::Cuda, device})) {}
  ~Recording() override {
    if (graph_ != nullptr) cudaGraphExecDestroy(graph_);
  }

  void record(Generator& generator, const std::function<void()>& work) {
    Keeper keeper;
    const Generator before = generator;
    seed_ = generator.initial_seed();
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
  }

  void replay(Generator& generator) override {
    const DeviceScope scope(device_);
    if (random_numbers_ > 0) {
      NW_CHECK(generator.initial_seed() == seed_,
               "[cuda] a recording goes on from the seed that it was made with");
      const uint64_t offset = generator.philox_offset();
      raw::fill_(place_, Scalar(static_cast<int64_t>(offset)));
      generator.set_philox_offset(offset + random_numbers_);
    }
    note_kernel("recorded work");
    NW_CUDA(cudaGraphLaunch(graph_, current_stream(device_)));
  }

 private:
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
  Tensor place_;  // where its random numbers begin
  uint64_t seed_ = 0;
  uint64_t random_numbers_ = 0;
  cudaGraphExec_t graph_ = nullptr;
  std::vector<Tensor> kept_;
};

}  // namespace

bool may_capture() {
  const char* wanted = std::getenv("NETWRIGHT_CUDA_GRAPHS");
  return wanted == nullptr || std::string_view(wanted) != "0";
}

std::unique_ptr<Captured> capture(int device, CachingAllocator& memory, Generator& generator,
                                  const Captured* after, const std::function<void()>& work) {
  const DeviceScope scope(device);
  auto recording = std::make_unique<Recording>(device, memory, after);
  recording->record(generator, work);
  return recording;
}

}  // namespace nw::cuda
