#pragma once

#include <cstdint>

#include "core/backend/backend.h"

namespace nw::test {

/// A device in the host's memory with the CPU's kernels and, other than the CPU, one for a whole
/// stack of recurrent layers, which goes by ops::recurrent() itself in float32 or float64. It
/// refuses a way back from what another way back has written over. Registered as DeviceType::Cuda
/// at the first call.
Backend& stacking_device();

/// What it was asked for since the last call of this.
struct StacksSeen {
  int forward = 0;
  int declined = 0;
  int backward = 0;
  int learning = 0;     // of forward
  int most_layers = 0;  // of one stack
  int grads_not_wanted = 0;
};
StacksSeen take_stacks_seen();

/// From now on it declines stacks of this cell whose first layer has this many features or more.
void decline_stacks(int64_t features);

}  // namespace nw::test
