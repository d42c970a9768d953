#pragma once

#include <string_view>

#include "core/tensor/dtype.h"

namespace nw::io {

inline constexpr std::string_view kNpyMagic{"\x93NUMPY", 6};

/// "<f4" for float32: how NumPy writes a type with the low byte first; empty for one that it does
/// not have.
std::string_view npy_descr(DType dtype);

}  // namespace nw::io
