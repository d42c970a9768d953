#pragma once

#include "core/backend/resample_kernels.h"

namespace nw::cpu {

extern const ResampleKernels kResampleKernels;

}  // namespace nw::cpu
