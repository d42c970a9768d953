#pragma once

#include "core/backend/backend.h"
#include "core/backend/fallback.h"

namespace nw::cuda {

/// What plugins/cuda/kernels has of its own; entries that are null are computed on the CPU, with a
/// warning. Each kernel is called with its first tensor's device current, and a launch that failed
/// is found when it returns: kernels need neither. They queue on current_stream() and wait for
/// nothing, unless they must give numbers to the host.
const Kernels& native_kernels();

/// Every kernel as the CPU computes it, for a kernel that is given what it has no code for (a
/// dtype, say): `return fallback_kernels().unary(op, x, out);`. Warns once for each name.
using nw::fallback_kernels;

/// The backend; always there, with no devices where the machine has none.
Backend& cuda_backend();

}  // namespace nw::cuda
