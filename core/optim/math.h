#pragma once

#include "core/backend/backend.h"
#include "core/tensor/tensor.h"

/// Arithmetic on parameters and their states, without history.
namespace nw::optim {

/// Complex numbers as pairs of real ones (…, 2) in the same memory; `x` itself when it is real.
Tensor real_view(const Tensor& x);
/// The numbers of `x` in a dense row in the order of its memory, when they lie densely in another
/// order than row-major; `x` itself when it is row-major. Throws Error when they lie apart.
Tensor memory_of(const Tensor& x);
/// `x` if its numbers lie in memory as those of `like`, else such a copy.
Tensor laid_out_as(const Tensor& x, const Tensor& like);
/// A state's tensor, made from memory_of and real_view of `param`, with the param's sizes and
/// dtype.
Tensor viewed_as(const Tensor& state, const Tensor& param);

Tensor zeros_as(const Tensor& x);
Tensor apply(UnaryOp op, const Tensor& x);
/// Of two tensors of one size.
Tensor apply(BinaryOp op, const Tensor& a, const Tensor& b);
/// x · scale + shift
Tensor scaled(const Tensor& x, double scale, double shift = 0);
/// target += x · scale
void add_(const Tensor& target, const Tensor& x, double scale);
/// x · keep + y · scale
Tensor blend(const Tensor& x, double keep, const Tensor& y, double scale);

}  // namespace nw::optim
