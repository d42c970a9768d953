#pragma once

#include "core/backend/recurrent_kernels.h"

namespace nw::cpu {

/// The CPU's entries.
extern const RecurrentKernels kRecurrentKernels;

}  // namespace nw::cpu
