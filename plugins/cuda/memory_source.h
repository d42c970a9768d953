#pragma once

#include "plugins/cuda/caching_allocator.h"
#include "plugins/cuda/stream.h"

namespace nw::cuda {

/// A moment in a stream of a device.
class CudaEvent final : public Event {
 public:
  CudaEvent(int device, cudaStream_t stream);
  ~CudaEvent() override;
  bool done() const override;
  void wait() override;
  void follow() override;
  /// Lets what is queued on `stream`, of any device, from now on come after it.
  void follow_on(cudaStream_t stream);

 private:
  int device_;
  cudaEvent_t event_ = nullptr;
};

/// The memory of one GPU.
class DeviceMemory final : public MemorySource {
 public:
  explicit DeviceMemory(int device) : device_(device) {}
  void* take(size_t bytes) override;
  void give(void* memory) override;
  size_t free_bytes() const override;
  size_t total_bytes() const override;
  StreamHandle current_stream() const override;
  std::unique_ptr<Event> mark(StreamHandle stream) override;
  void read(const void* from, size_t bytes, void* to) const override;
  std::string name() const override;

 private:
  int device_;
};

/// Memory of the host that does not move, from which all GPUs copy on their own. Its blocks have
/// no stream of their own; who copies from one tells the allocator (used_on).
class PinnedMemory final : public MemorySource {
 public:
  void* take(size_t bytes) override;
  void give(void* memory) override;
  size_t free_bytes() const override;
  size_t total_bytes() const override;
  StreamHandle current_stream() const override { return nullptr; }
  std::unique_ptr<Event> mark(StreamHandle stream) override;
  void read(const void* from, size_t bytes, void* to) const override;
  std::string name() const override { return "host memory that the GPUs reach"; }
};

}  // namespace nw::cuda
