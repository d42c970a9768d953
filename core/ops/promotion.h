#pragma once

#include <string_view>

#include "core/tensor/tensor.h"

namespace nw::ops {

/// The dtype in which torch computes with both: of two kinds of number (bool, whole, real, complex)
/// the higher one wins; within a kind, tensors with dimensions before those without before plain
/// numbers; and among equals the wider. Source: torch.result_type.
DType result_type(const Tensor& a, const Tensor& b);
/// c may be undefined.
DType result_type(const Tensor& a, const Tensor& b, const Tensor& c);
DType result_type(const Tensor& a, const Scalar& b);
DType result_type(const Tensor& a, const Scalar& b, const Scalar& c);
/// Whether an in-place op may store results of `from` in a tensor of `to` (torch.can_cast).
bool can_cast(DType from, DType to);

/// x in `dtype`, with history; x itself where it has it already. Gradients are converted back, a
/// complex one to its real part.
Tensor to(const Tensor& x, DType dtype);
/// x, or whole numbers and bool as float32.
Tensor to_inexact(const Tensor& x);

/// A plain number as a tensor without dimensions, of a dtype and on the device of `like`. Beside
/// 16-bit tensors it stays float32, as torch does not round it first.
Tensor operand(const Scalar& value, DType dtype, const Tensor& like);

}  // namespace nw::ops
