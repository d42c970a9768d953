#pragma once

#include "core/tensor/tensor.h"

/// The logarithm of the gamma function and its slope, of each number. Real numbers; whole ones and
/// bool as float32. The names and special values are torch's.
namespace nw::ops {

/// ln |Γ(x)|; infinite at 0, −1, −2, …
Tensor lgamma(const Tensor& x);
/// d lgamma(x) / dx; −∞ at 0, +∞ at −0, NaN at −1, −2, …
Tensor digamma(const Tensor& x);

}  // namespace nw::ops
