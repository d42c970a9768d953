#pragma once

#include <functional>
#include <memory>

#include "plugins/cuda/caching_allocator.h"

namespace nw::cuda {

/// Records what `work` queues on a device as a CUDA graph (Backend::capture). Its memory comes from
/// a stream of its own, or that of `after`, so that nobody else is given any of it meanwhile.
std::unique_ptr<Captured> capture(int device, CachingAllocator& memory, Generator& generator,
                                  const Captured* after, const std::function<void()>& work);

/// Waits for all that is queued on the device; while another thread records work of it, for that
/// thread first. Not for a thread that records.
void wait_for_device(int device);

/// Whether that is wanted: not where the environment has NETWRIGHT_CUDA_GRAPHS=0.
bool may_capture();

}  // namespace nw::cuda
