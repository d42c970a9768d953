#pragma once

#include <vector>

#include "core/plugin/diagnosis.h"

namespace nw::cuda {

/// The driver, the runtime, NVIDIA's libraries and the GPUs, there or not.
std::vector<plugin::Piece> diagnose();

}  // namespace nw::cuda
