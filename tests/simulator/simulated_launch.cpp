#include "tests/simulator/emulator.h"
#include "tests/simulator/launch.h"

/// What a launch is in the simulated plugin: queued as any other work.
namespace nw::emulated {

void launch(CUstream_st* stream, int64_t blocks, int threads, size_t shared_bytes,
            size_t parameter_bytes, std::function<void()> body) {
  nw::simulated::queue_launch({stream, blocks, threads, shared_bytes, parameter_bytes},
                              [blocks, threads, shared_bytes, body = std::move(body)] {
                                run(static_cast<unsigned>(blocks), static_cast<unsigned>(threads),
                                    shared_bytes, body);
                              });
}

}  // namespace nw::emulated
