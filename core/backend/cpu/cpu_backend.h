#pragma once

#include "core/backend/backend.h"

namespace nw::cpu {

/// The backend of the processor itself: oneDNN where it is the faster, own kernels elsewhere.
Backend& cpu_backend();

}  // namespace nw::cpu
