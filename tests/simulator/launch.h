#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

struct CUstream_st;

/// The launch of a kernel, for those who do not see the toolkit's headers.
namespace nw::simulated {

/// What is known of a launch before it is queued.
struct Launch {
  CUstream_st* stream;
  int64_t blocks;
  int threads;
  size_t shared_bytes, parameter_bytes;
};

/// Queues `body`, or notes an error for cudaGetLastError where the driver would refuse the launch.
void queue_launch(const Launch& launch, std::function<void()> body);

}  // namespace nw::simulated
