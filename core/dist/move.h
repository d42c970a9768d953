#pragma once

#include "core/tensor/tensor.h"

namespace nw::dist {

/// x on `device`, itself where it is there or undefined; its gradient goes back to where x is.
Tensor moved_to(const Tensor& x, Device device);

}  // namespace nw::dist
