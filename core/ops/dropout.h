#pragma once

#include "core/base/random.h"
#include "core/tensor/tensor.h"

/// Masks drawn at random as torch does: one number an element or channel, in row-major order. p is
/// the probability to drop, 0 to 1; p = 1 gives x · 0. Floating point. Source: torch.nn.functional.
namespace nw::ops {

/// Zeroes each element with probability p and divides the others by 1 − p.
Tensor dropout(const Tensor& x, double p, Generator& generator);
/// The same for whole channels of x (N, C, *).
Tensor feature_dropout(const Tensor& x, double p, Generator& generator);
/// Sets what is dropped to SELU's least value, and shifts and scales all so that mean 0 and
/// variance 1 stay.
Tensor alpha_dropout(const Tensor& x, double p, Generator& generator);
/// The same for whole channels of x (N, C, *).
Tensor feature_alpha_dropout(const Tensor& x, double p, Generator& generator);

/// In place: x becomes the result and is given back; with nothing to draw x is not touched. Throw
/// Error where edits in place do (core/ops/in_place.h).
Tensor dropout_(const Tensor& x, double p, Generator& generator);
Tensor feature_dropout_(const Tensor& x, double p, Generator& generator);

}  // namespace nw::ops
