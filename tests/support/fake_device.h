#pragma once

#include <cstdint>

#include "core/backend/backend.h"

namespace nw::test {

/// A stand-in for GPUs where there is none: two devices whose memory the host cannot touch, neither
/// to read nor to write (the program dies where it tries), with kernels of their own for a few
/// entries of the table. Registered as DeviceType::Cuda at the first call.
Backend& fake_gpus();

/// Bytes that its transfers have moved since the start.
uint64_t fake_bytes_moved();
/// From now on an allocation that would have more than this in use is refused.
void set_fake_memory(uint64_t bytes);

/// From now on its linear layers are wrong, or right again.
void set_fake_mistake(bool wrong);

}  // namespace nw::test
