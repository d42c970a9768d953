#pragma once

namespace nw::cuda {

/// Throws Error for a mistake that a kernel noted on this device since it was last asked (an index
/// out of range, say; kernels/fault.h), once. To be called when the device has been waited for.
void throw_fault(int device);

}  // namespace nw::cuda
