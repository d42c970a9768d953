#include "tests/simulator/queue.h"

#include "tests/simulator/arena.h"
#include "tests/simulator/world.h"

namespace nw::simulated {
namespace {

void record(Stream& stream, Attempt attempt) {
  Capture& capture = *stream.capture;
  capture.nodes.push_back({std::move(attempt), stream.device, stream.tail});
  stream.tail = {capture.nodes.size() - 1};
}

}  // namespace

Stream& stream_of(cudaStream_t handle) {
  const auto found = world().streams.find(number_of(handle));
  if (found != world().streams.end() && !found->second.destroyed) return found->second;
  misuse(handle == nullptr ? "the legacy default stream is used"
                           : "a stream is used that was destroyed, or is none");
}

Event& event_of(cudaEvent_t handle) {
  const auto found = world().events.find(number_of(handle));
  if (found == world().events.end()) misuse("an event is used that was destroyed, or is none");
  return found->second;
}

void enqueue_until(cudaStream_t handle, std::function<bool()> attempt) {
  World& w = world();
  std::unique_lock lock(w.mutex);
  Stream& stream = stream_of(handle);
  if (stream.capture != nullptr) return record(stream, std::move(attempt));
  push(lock, stream, {.attempt = std::move(attempt)});
}

void enqueue(cudaStream_t stream, std::function<void()> work) {
  enqueue_until(stream, [work = std::move(work)] {
    work();
    return true;
  });
}

bool is_capturing(cudaStream_t stream) {
  const std::lock_guard lock(world().mutex);
  return stream_of(stream).capture != nullptr;
}

int device_of(cudaStream_t stream) {
  const std::lock_guard lock(world().mutex);
  return stream_of(stream).device;
}

int current_device() {
  return device_of_thread();
}

bool is_memory_of(int device, const void* memory, size_t bytes) {
  const std::optional<Allocation> found = allocation_of(memory);
  return found && found->device == device &&
         static_cast<const char*>(memory) + bytes <=
             static_cast<const char*>(found->begin) + found->bytes;
}

bool is_device_memory(const void* memory, size_t bytes) {
  const std::optional<Allocation> found = allocation_of(memory);
  return found && found->device != kHost && is_memory_of(found->device, memory, bytes);
}

EveryDevice::EveryDevice() : before_(open_now()) {
  open_memory(kAll);
}

EveryDevice::~EveryDevice() {
  open_memory(before_);
}

void lose_device(cudaStream_t stream, cudaError_t error) {
  const std::lock_guard lock(world().mutex);
  const auto found = world().streams.find(number_of(stream));  // destroyed with work left, perhaps
  if (found != world().streams.end()) lose(found->second.device, error);
}

}  // namespace nw::simulated
