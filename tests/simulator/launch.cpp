#include "tests/simulator/launch.h"

#include <atomic>

#include "tests/simulator/queue.h"
#include "tests/simulator/world.h"

namespace nw::simulated {
namespace {

constexpr int kMostThreads = 1024;
constexpr size_t kMostShared = 48 * 1024;  // without asking for more
constexpr size_t kMostParameters = 32764;

cudaError_t fault_of(const Launch& launch) {
  if (launch.blocks < 1 || launch.blocks > INT32_MAX || launch.threads < 1) {
    return cudaErrorInvalidConfiguration;
  }
  if (launch.threads > kMostThreads || launch.shared_bytes > kMostShared) {
    return cudaErrorInvalidConfiguration;
  }
  return launch.parameter_bytes > kMostParameters ? cudaErrorInvalidValue : cudaSuccess;
}

}  // namespace

void queue_launch(const Launch& launch, std::function<void()> body) {
  static std::atomic<int64_t> launches{0};
  static std::atomic<int64_t> kernels{0};
  if (device_of(launch.stream) != current_device()) {
    misuse("a kernel is started on a stream of another device than the current one");
  }
  if (const cudaError_t fault = fault_of(launch); fault != cudaSuccess) {
    noted(fault);
    return;
  }
  {
    const std::lock_guard lock(world().mutex);
    if (state_of(current_device()) != cudaSuccess) return;
  }
  if (++launches == settings().fail_launch) {
    noted(cudaErrorLaunchOutOfResources);
    return;
  }
  enqueue(launch.stream, [stream = launch.stream, body = std::move(body)] {
    if (++kernels == settings().illegal_address)
      return lose_device(stream, cudaErrorIllegalAddress);
    body();
  });
}

}  // namespace nw::simulated
