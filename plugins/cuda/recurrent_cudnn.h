#pragma once

#include "core/backend/recurrent_kernels.h"

namespace nw::cuda {

/// Our own kernels for one layer, and cuDNN's for a whole stack.
const RecurrentKernels& recurrent_kernels();

}  // namespace nw::cuda
