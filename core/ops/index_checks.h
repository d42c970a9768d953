#pragma once

#include "core/tensor/tensor.h"

/// What the ops that index share.
namespace nw::ops {

/// An index in dense memory. Throws Error unless it is int64 and on x's device.
Tensor checked_index(const Tensor& index, const Tensor& x, std::string_view op);
/// A vector or scalar of indices as dense int64; int32 is taken, too.
Tensor checked_vector(const Tensor& index, const Tensor& x, std::string_view op);
/// Throws Error unless `given` has x's dtype and device.
void check_same_kind(const Tensor& x, const Tensor& given, std::string_view op);
/// x, or a scalar as (1).
Tensor with_a_dim(const Tensor& x);
/// A number as a tensor without dimensions of x's dtype and device.
Tensor number_like(const Scalar& value, const Tensor& x);

}  // namespace nw::ops
