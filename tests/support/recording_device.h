#pragma once

#include <cstdint>
#include <functional>

#include "core/backend/backend.h"

namespace nw::test {

/// A stand-in for a GPU that records work (Backend::capture): all kernels are its own, and do what
/// the CPU's do, at once or when a recording is replayed. A recording holds addresses, not tensors:
/// memory that is given back is spoilt, so that a recording that reads it gives other numbers.
/// Registered as DeviceType::Cuda at the first call; not to be had beside fake_gpus().
Backend& recording_device();

/// Does `work` now, or in each replay of the recording that the calling thread makes.
void do_or_record(std::function<void()> work);
/// The numbers of a tensor of the device, seen as the CPU's. Does not keep their memory.
Tensor seen_by_host(const Tensor& tensor);

/// Whether it can record; it can at first.
void set_can_record(bool can);
/// How often recordings were made and replayed since the start.
int64_t recordings_made();
int64_t recordings_replayed();

}  // namespace nw::test
