#include "plugins/cuda/kernels/fault.h"
#include "tests/simulator/emulator.h"

/// Kernels that run at once, on the numbers of CPU tensors: what the plugin has of its device,
/// without one.
namespace nw {

void emulated::launch(CUstream_st*, int64_t blocks, int threads, size_t shared_bytes,
                      size_t parameter_bytes, std::function<void()> body) {
  NW_CHECK(blocks > 0 && threads > 0 && threads <= 1024 && shared_bytes <= 48 * 1024 &&
               parameter_bytes <= 32764,
           "[emulator] no such launch: ", blocks, " blocks of ", threads, " threads with ",
           shared_bytes, " bytes and ", parameter_bytes, " of parameters");
  run(static_cast<unsigned>(blocks), static_cast<unsigned>(threads), shared_bytes, body);
}

namespace cuda {

CUstream_st* current_stream() {
  return nullptr;
}
/// Few, so that kernels go on in strides.
int64_t most_blocks() {
  return 3;
}
void check_launch() {}

FaultNote& emulated_note() {
  static FaultNote note{};
  return note;
}
FaultReport fault_report(const char* text) {
  return {&emulated_note(), text};
}

}  // namespace cuda
}  // namespace nw
