#pragma once

#include <driver_types.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "tests/simulator/settings.h"

/// What the parts of the simulator share: streams, events, graphs, and who does the work. Those of
/// its functions that say "locked" are called with the mutex of the world held.
namespace nw::simulated {

/// True when it is done; false: to be asked again.
using Attempt = std::function<bool()>;

struct Capture;

/// A place in a stream that an event was recorded at.
struct Moment {
  bool done = false;
  int device = 0;
  std::shared_ptr<Capture> capture = nullptr;  // recorded in a capture: behind these nodes of it
  std::vector<size_t> nodes = {};
};

/// One piece of a graph; those of `before` are done first.
struct Node {
  Attempt attempt;
  int device;
  std::vector<size_t> before;
};

/// What cudaStreamBeginCapture … EndCapture put together; a graph when it has ended.
struct Capture {
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  uint64_t origin = 0;          // the stream that it began with
  std::thread::id thread = {};  // that began it
  bool valid = true;
  std::vector<Node> nodes = {};
};

/// A graph that can be launched; runs of one follow each other.
struct Executable {
  std::vector<Node> nodes;
  int64_t launched = 0, finished = 0;
};
struct Run {
  std::shared_ptr<Executable> graph;
  int64_t turn;  // how many runs of it come before
  bool begun = false;
  std::vector<Node> left = {};
  std::vector<bool> done = {};
  size_t first = 0, undone = 0;
};

/// What lies in a stream: one of these.
struct Piece {
  Attempt attempt = {};
  std::shared_ptr<Moment> mark = {};   // becomes done
  std::shared_ptr<Moment> await = {};  // must be done
  std::unique_ptr<Run> run = {};
};

struct Stream {
  int device = 0;
  bool destroyed = false;
  std::deque<Piece> pieces = {};
  uint64_t queued = 0, finished = 0;  // pieces
  uint32_t rank = 0;                  // the highest goes first
  std::shared_ptr<Capture> capture = nullptr;
  std::vector<size_t> tail = {};  // what the next node of the capture comes behind
};

struct Event {
  int device = 0;
  std::shared_ptr<Moment> latest = {};  // null: never recorded
};

struct World {
  std::mutex mutex;
  std::condition_variable wake;     // of the thread that does the work
  std::condition_variable changed;  // something was done
  std::map<uint64_t, Stream> streams;
  std::map<uint64_t, Event> events;
  std::map<uint64_t, std::shared_ptr<Capture>> graphs;
  std::map<uint64_t, std::shared_ptr<Executable>> executables;
  uint64_t handles = 0;  // given so far: none is given twice
  std::vector<cudaError_t> lost = std::vector<cudaError_t>(16, cudaSuccess);
  std::vector<size_t> used = std::vector<size_t>(16, 0);  // bytes of each device
  std::mt19937 random{static_cast<uint32_t>(settings().seed)};
  size_t pieces = 0;    // that lie in streams
  int waiting = 0;      // threads that wait for something
  int wanted = 0;       // pieces that are to be done although nobody waits
  bool ending = false;  // the program is
  bool idle = true;     // nothing is being done
  bool begun = false;   // there is a thread that does the work

  uint32_t draw(uint32_t count) { return static_cast<uint32_t>(random()) % count; }
};

World& world();

// --- locked ---
/// The stream of a handle; misuse() where there is none.
Stream& stream_of(cudaStream_t handle);
Event& event_of(cudaEvent_t handle);
template <typename Handle>
uint64_t number_of(Handle handle) {
  return reinterpret_cast<uint64_t>(handle);
}
template <typename Handle>
Handle new_handle() {
  return reinterpret_cast<Handle>(++world().handles);
}
/// Waits where too much lies in streams.
void push(std::unique_lock<std::mutex>& lock, Stream& stream, Piece piece);
/// Waits until reached(); the error of the device where it is lost.
cudaError_t wait_until(std::unique_lock<std::mutex>& lock, int device,
                       const std::function<bool()>& reached);
void lose(int device, cudaError_t error);
/// The error of a device that is lost, noted, or success.
cudaError_t state_of(int device);
/// cudaErrorStreamCaptureUnsupported, noted, where a call that may wait is forbidden while streams
/// record (a "potentially unsafe" one, as CUDA says it), else success.
cudaError_t forbidden_while_recording();

/// Notes an error as cudaGetLastError gives it, and returns it.
cudaError_t noted(cudaError_t error);
int device_of_thread();

}  // namespace nw::simulated
