#pragma once

#include "core/backend/backend.h"

/// Geometry that convolution and pooling share. `op` starts each error message.
namespace nw::ops {

/// "Conv2d" for a stem of "Conv" and 2 dimensions; a literal. The stems are those of torch.nn's
/// layers that have a number of dimensions in their names.
std::string_view window_op(std::string_view stem, size_t spatial);

/// Throws Error unless kernel, stride and dilation are positive, padding is not negative, and each
/// has one entry for each of `spatial` dimensions.
void check_window(const Window& window, size_t spatial, std::string_view op);

/// Throws Error unless x is (N, C, spatial…) or (C, spatial…); returns whether the batch is
/// missing.
bool is_unbatched(const Tensor& x, size_t spatial, std::string_view op);

/// Size of spatial dimension `i` after sliding the window over `length`; `slack` is 0, or stride −
/// 1 to round up. Throws Error with the arithmetic when the window does not fit.
int64_t slid(const Window& window, size_t i, int64_t length, int64_t slack, std::string_view op);

}  // namespace nw::ops
