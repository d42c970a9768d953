#pragma once

#include "core/backend/optimizer_kernels.h"

namespace nw::cpu {

extern const OptimizerKernels kOptimizerKernels;

}  // namespace nw::cpu
