#pragma once

#include "core/backend/backend.h"

namespace nw::meta {

/// Tensors with shapes and dtypes but no numbers: running a model's forward pass on it is shape
/// inference. Its allocator gives null and its kernels do nothing.
Backend& meta_backend();

}  // namespace nw::meta
