#include "plugins/cuda/faults.h"

#include <array>
#include <mutex>

#include "core/base/error.h"
#include "plugins/cuda/capture.h"
#include "plugins/cuda/kernels/fault.h"
#include "plugins/cuda/stream.h"

namespace nw::cuda {
namespace {

constexpr int kMostDevices = 64;

/// A note in host memory that the device writes to.
struct Note {
  std::once_flag made;
  FaultNote* on_host = nullptr;
  FaultNote* on_device = nullptr;
};

std::array<Note, kMostDevices>& notes() {
  static auto& all = *new std::array<Note, kMostDevices>;
  return all;
}

}  // namespace

FaultReport fault_report(const char* text) {
  int device = 0;
  NW_CUDA(cudaGetDevice(&device));
  Note& note = notes().at(static_cast<size_t>(device));
  std::call_once(note.made, [&] {
    void* memory = nullptr;
    NW_CUDA(cudaHostAlloc(&memory, sizeof(FaultNote), cudaHostAllocMapped | cudaHostAllocPortable));
    auto* on_host = new (memory) FaultNote{};
    void* seen = nullptr;
    NW_CUDA(cudaHostGetDevicePointer(&seen, memory, 0));
    note.on_device = static_cast<FaultNote*>(seen);
    note.on_host = on_host;
  });
  return {note.on_device, text};
}

void throw_fault(int device) {
  FaultNote* note = notes().at(static_cast<size_t>(device)).on_host;
  if (note == nullptr || static_cast<volatile FaultNote*>(note)->kind == 0) return;
  const FaultNote found = *note;
  try {
    wait_for_device(device);  // what is still queued may find the same mistake
  } catch (const Error&) {
    // This thread records, or the device is lost: either is told elsewhere.
  }
  *note = {};
  throw Error(fault_text(found));
}

}  // namespace nw::cuda
