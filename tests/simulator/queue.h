#pragma once

#include <driver_types.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

/// What stand-ins for NVIDIA's libraries queue their work with. A simulated GPU does nothing at
/// once: work lies in its stream until somebody waits for it, enough has come together or time has
/// passed, and streams take turns at random, as far as events leave it open. One thread of the
/// process does all work of all devices, one piece after the other, and it alone may touch their
/// memory. All functions may be called by any thread; those that say so, by work as well.
namespace nw::simulated {

/// Does `work` in the stream's order, or records it where the stream captures: then it is done at
/// each launch of the graph. What it uses must be held by value.
void enqueue(cudaStream_t stream, std::function<void()> work);

/// The same for work that may have to wait for another process or thread: attempt() is called again
/// and again until it gives true, and must not wait itself. The stream stays where it is, while
/// others go on. Each launch of a graph begins with a fresh copy of `attempt`.
void enqueue_until(cudaStream_t stream, std::function<bool()> attempt);

/// Whether the stream records now.
bool is_capturing(cudaStream_t stream);
/// The device of a stream.
int device_of(cudaStream_t stream);
/// The device that is current in the calling thread.
int current_device();

/// Whether [memory, memory + bytes) lies in one living allocation of a simulated device. Work may
/// ask, too.
bool is_device_memory(const void* memory, size_t bytes);
/// The same, of this device.
bool is_memory_of(int device, const void* memory, size_t bytes);
/// An allocation that lives.
struct Allocation {
  const void* begin;
  size_t bytes;
  int device;  // −1: pinned memory of the host
};
/// That which holds the address. Work may ask, too.
std::optional<Allocation> allocation_of(const void* address);

/// While work is done, it may touch the memory of its stream's device and of the host. In the life
/// of this, that of every device: what copies from one device to another needs. For work only.
class EveryDevice {
 public:
  EveryDevice();
  ~EveryDevice();
  EveryDevice(const EveryDevice&) = delete;
  EveryDevice& operator=(const EveryDevice&) = delete;

 private:
  int before_;
};

/// From now on all calls for the stream's device give this error, as after an illegal address; what
/// is queued is left undone. Work may call it, too.
void lose_device(cudaStream_t stream, cudaError_t error);

/// What a GPU would leave undefined, or what is a mistake of the caller for certain: says so on
/// stderr, with the seed of this run, and ends the program.
[[noreturn]] void misuse(const std::string& text);

}  // namespace nw::simulated
