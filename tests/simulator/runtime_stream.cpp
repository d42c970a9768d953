#include <cuda_runtime_api.h>

#include <algorithm>

#include "tests/simulator/queue.h"
#include "tests/simulator/world.h"

/// Streams, events and graphs, as the CUDA runtime has them.
namespace nw::simulated {
namespace {

/// A stream that records cannot be asked or waited for: the recording is worth nothing from now on.
cudaError_t spoil(Stream& stream) {
  stream.capture->valid = false;
  return noted(cudaErrorStreamCaptureUnsupported);
}

/// Lets a stream go on behind an event that was recorded in a capture.
cudaError_t follow_in_capture(Stream& stream, const Moment& moment) {
  const auto is_recording = [&](const auto& entry) {
    return entry.second.capture == moment.capture;
  };
  const auto& streams = world().streams;
  if (std::none_of(streams.begin(), streams.end(), is_recording)) {
    return noted(cudaErrorCapturedEvent);  // that capture is over
  }
  if (stream.capture != nullptr && stream.capture != moment.capture) {
    stream.capture->valid = moment.capture->valid = false;
    return noted(cudaErrorStreamCaptureMerge);
  }
  if (stream.capture == nullptr) stream.tail.clear();
  stream.capture = moment.capture;
  for (const size_t node : moment.nodes) {
    if (std::find(stream.tail.begin(), stream.tail.end(), node) == stream.tail.end()) {
      stream.tail.push_back(node);
    }
  }
  return cudaSuccess;
}

/// Whether all that other streams recorded lies before what the origin recorded last.
bool is_joined(const Capture& capture, const Stream& origin) {
  std::vector<bool> before(capture.nodes.size(), false);
  for (const size_t node : origin.tail) before[node] = true;
  for (size_t i = capture.nodes.size(); i-- > 0;) {
    if (!before[i]) return false;
    for (const size_t node : capture.nodes[i].before) before[node] = true;
  }
  return true;
}

}  // namespace
}  // namespace nw::simulated

using namespace nw::simulated;

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const std::lock_guard lock(world().mutex);
  if (const cudaError_t error = state_of(current_device()); error != cudaSuccess) return error;
  if (flags != cudaStreamNonBlocking) misuse("a stream is made that waits for the legacy one");
  *stream = new_handle<cudaStream_t>();
  Stream& made = world().streams[number_of(*stream)];
  made.device = current_device();
  made.rank = world().draw(1u << 30);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  const std::lock_guard lock(world().mutex);
  Stream& stream = stream_of(handle);
  if (stream.capture != nullptr) misuse("a stream is destroyed while it records");
  stream.destroyed = true;  // what lies in it is still done
  return cudaSuccess;
}

cudaError_t cudaStreamGetDevice(cudaStream_t stream, int* device) {
  const std::lock_guard lock(world().mutex);
  *device = stream_of(stream).device;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  std::unique_lock lock(world().mutex);
  Stream& stream = stream_of(handle);
  if (stream.capture != nullptr) return spoil(stream);
  const auto number = number_of(handle);
  return wait_until(lock, stream.device, [number, wanted = stream.queued] {
    const auto found = world().streams.find(number);
    return found == world().streams.end() || found->second.finished >= wanted;
  });
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  World& w = world();
  const std::lock_guard lock(w.mutex);
  Stream& stream = stream_of(handle);
  if (stream.capture != nullptr) return spoil(stream);
  if (const cudaError_t error = state_of(stream.device); error != cudaSuccess) return error;
  if (stream.pieces.empty()) return cudaSuccess;
  w.wanted += static_cast<int>(w.draw(4));
  w.wake.notify_one();
  return noted(cudaErrorNotReady);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned) {
  std::unique_lock lock(world().mutex);
  Stream& stream = stream_of(handle);
  const auto moment = event_of(event).latest;
  if (moment == nullptr) return cudaSuccess;
  if (moment->capture != nullptr) return follow_in_capture(stream, *moment);
  if (stream.capture != nullptr) {
    stream.capture->valid = false;
    return noted(cudaErrorStreamCaptureIsolation);
  }
  push(lock, stream, {.await = moment});
  return state_of(stream.device);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  const std::lock_guard lock(world().mutex);
  if (const cudaError_t error = state_of(current_device()); error != cudaSuccess) return error;
  *event = new_handle<cudaEvent_t>();
  world().events[number_of(*event)].device = current_device();
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const std::lock_guard lock(world().mutex);
  event_of(event);
  world().events.erase(number_of(event));
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t queue) {
  std::unique_lock lock(world().mutex);
  Stream& stream = stream_of(queue);
  Event& event = event_of(handle);
  if (event.device != stream.device) return noted(cudaErrorInvalidResourceHandle);
  auto moment = std::make_shared<Moment>();
  event.latest = moment;
  if (stream.capture != nullptr) {
    moment->capture = stream.capture;
    moment->nodes = stream.tail;
    return cudaSuccess;
  }
  push(lock, stream, {.mark = moment});
  return state_of(stream.device);
}

cudaError_t cudaEventQuery(cudaEvent_t handle) {
  World& w = world();
  const std::lock_guard lock(w.mutex);
  if (const cudaError_t error = forbidden_while_recording(); error != cudaSuccess) return error;
  Event& event = event_of(handle);
  if (event.latest == nullptr) return cudaSuccess;
  if (event.latest->capture != nullptr) return noted(cudaErrorCapturedEvent);
  if (const cudaError_t error = state_of(event.device); error != cudaSuccess) return error;
  if (event.latest->done) return cudaSuccess;
  w.wanted += static_cast<int>(w.draw(4));
  w.wake.notify_one();
  return noted(cudaErrorNotReady);
}

cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  std::unique_lock lock(world().mutex);
  const Event& event = event_of(handle);
  const auto moment = event.latest;
  if (moment == nullptr) return cudaSuccess;
  if (moment->capture != nullptr) return noted(cudaErrorCapturedEvent);
  return wait_until(lock, event.device, [moment] { return moment->done; });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  const std::lock_guard lock(world().mutex);
  Stream& stream = stream_of(handle);
  if (const cudaError_t error = state_of(stream.device); error != cudaSuccess) return error;
  if (stream.capture != nullptr) return spoil(stream);
  stream.capture = std::make_shared<Capture>();
  stream.capture->mode = mode;
  stream.capture->origin = number_of(handle);
  stream.capture->thread = std::this_thread::get_id();
  stream.tail.clear();
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  const std::lock_guard lock(world().mutex);
  const Stream& stream = stream_of(handle);
  *status = stream.capture == nullptr ? cudaStreamCaptureStatusNone
            : stream.capture->valid   ? cudaStreamCaptureStatusActive
                                      : cudaStreamCaptureStatusInvalidated;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  World& w = world();
  const std::lock_guard lock(w.mutex);
  Stream& stream = stream_of(handle);
  *graph = nullptr;
  const std::shared_ptr<Capture> capture = stream.capture;
  if (capture == nullptr) return noted(cudaErrorInvalidValue);
  if (capture->origin != number_of(handle)) {
    capture->valid = false;
    return noted(cudaErrorStreamCaptureUnmatched);
  }
  if (capture->mode != cudaStreamCaptureModeRelaxed &&
      capture->thread != std::this_thread::get_id()) {
    return noted(cudaErrorStreamCaptureWrongThread);
  }
  const bool joined = is_joined(*capture, stream);
  for (auto& [number, other] : w.streams) {
    if (other.capture == capture) other.capture = nullptr;
  }
  if (!capture->valid) return noted(cudaErrorStreamCaptureInvalidated);
  if (!joined) return noted(cudaErrorStreamCaptureUnjoined);
  *graph = new_handle<cudaGraph_t>();
  w.graphs[number_of(*graph)] = capture;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long) {
  World& w = world();
  const std::lock_guard lock(w.mutex);
  const auto found = w.graphs.find(number_of(graph));
  if (found == w.graphs.end()) misuse("a graph is used that was destroyed, or is none");
  *executable = new_handle<cudaGraphExec_t>();
  auto made = std::make_shared<Executable>();
  made->nodes = found->second->nodes;
  w.executables[number_of(*executable)] = std::move(made);
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const std::lock_guard lock(world().mutex);
  if (world().graphs.erase(number_of(graph)) == 0) misuse("a graph is destroyed twice");
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t handle) {
  World& w = world();
  std::unique_lock lock(w.mutex);
  Stream& stream = stream_of(handle);
  if (stream.capture != nullptr) return spoil(stream);
  const auto found = w.executables.find(number_of(executable));
  if (found == w.executables.end()) misuse("an executable graph is used that was destroyed");
  if (const cudaError_t error = state_of(stream.device); error != cudaSuccess) return error;
  auto run = std::make_unique<Run>();
  run->graph = found->second;
  run->turn = found->second->launched++;
  push(lock, stream, {.run = std::move(run)});
  return state_of(stream.device);
}

/// Runs of it that are under way go on to their end.
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const std::lock_guard lock(world().mutex);
  if (world().executables.erase(number_of(executable)) == 0) {
    misuse("an executable graph is destroyed twice");
  }
  return cudaSuccess;
}

}  // extern "C"
