#pragma once

#include "core/tensor/tensor.h"

namespace nw {
namespace ops {

/// a ∘ b with torch's broadcasting; both of one floating dtype and one device.
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);

/// x · scale + shift, elementwise.
Tensor affine(const Tensor& x, double scale, double shift);
/// −x
Tensor neg(const Tensor& x);

}  // namespace ops

Tensor operator+(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& a, const Tensor& b);
Tensor operator*(const Tensor& a, const Tensor& b);
Tensor operator/(const Tensor& a, const Tensor& b);
Tensor operator-(const Tensor& x);
Tensor operator*(const Tensor& x, double scale);
Tensor operator*(double scale, const Tensor& x);
Tensor operator/(const Tensor& x, double divisor);
Tensor operator+(const Tensor& x, double shift);
Tensor operator-(const Tensor& x, double shift);

}  // namespace nw
