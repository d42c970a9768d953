#pragma once

#include <string_view>

#include <optional>

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

/// x in `dtype`, with history; x itself where it has it already. Dense in x's order of dimensions
/// where x is dense. Gradients are converted back, a complex one to its real part.
Tensor to(const Tensor& x, DType dtype);
/// x, or whole numbers and bool as float32.
Tensor to_inexact(const Tensor& x);

/// What torch's norms do with 16-bit numbers beside float32 weights or statistics: they compute in
/// float32 and round the result. `norm` is called with x and the parameters as float32.
template <typename Norm, typename... Parameters>
std::optional<Tensor> of_mixed(Norm norm, const Tensor& x, const Parameters&... parameters) {
  const auto is_wide = [](const Tensor& t) { return t.defined() && t.dtype() == DType::Float32; };
  if (!x.defined() || !is_half(x.dtype()) || !(is_wide(parameters) || ...)) return std::nullopt;
  const auto wide = [](const Tensor& t) {
    return t.defined() && is_half(t.dtype()) ? to(t, DType::Float32) : t;
  };
  return to(norm(to(x, DType::Float32), wide(parameters)...), x.dtype());
}

/// A plain number as a tensor without dimensions, of a dtype and on the device of `like`. One that
/// the dtype does not hold is rounded, wraps around or becomes infinite, as torch (1.13, on the
/// CPU) does before it computes.
Tensor operand(const Scalar& value, DType dtype, const Tensor& like);

}  // namespace nw::ops
