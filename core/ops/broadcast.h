#pragma once

#include <string_view>

#include "core/backend/kernel_types.h"
#include "core/tensor/tensor.h"

/// The elementwise kernels without history, as core/ops uses them.
namespace nw::ops {

/// f(x) of x's dtype, its memory ordered as x's.
Tensor unary_raw(UnaryOp op, const Tensor& x);
/// The same for functions whose results have another dtype.
Tensor unary_raw(UnaryOp op, const Tensor& x, DType result);
/// a ∘ b for tensors of one dtype and device, broadcast; `name` starts the error message. A float32
/// tensor may stand beside a 16-bit one.
Tensor binary_raw(BinaryOp op, const Tensor& a, const Tensor& b, std::string_view name);
Tensor binary_raw(BinaryOp op, const Tensor& a, const Tensor& b, std::string_view name,
                  DType result);

}  // namespace nw::ops
