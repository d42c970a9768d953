#pragma once

#include "core/tensor/tensor.h"

/// Other shapes of the same numbers. Every dtype. What is called a view shares the numbers of x: no
/// copy is made, and an edit in place of one is seen in the other, by autograd, too. Dimensions may
/// be negative: they count from the end. The names and rules are torch's.
namespace nw::ops {

/// The same elements in row-major order with other sizes; one size may be −1, which takes the rest.
/// A view where the strides allow it, else of a copy.
Tensor reshape(const Tensor& x, const Dims& sizes);
/// The same, always a view; throws Error where that takes a copy.
Tensor view(const Tensor& x, const Dims& sizes);
/// Joins the dimensions start … end to one (torch.flatten); a scalar becomes (1).
Tensor flatten(const Tensor& x, int64_t start_dim = 0, int64_t end_dim = -1);
/// Splits a dimension into `sizes`, one of which may be −1.
Tensor unflatten(const Tensor& x, int64_t dim, const Dims& sizes);

/// Views without dimensions of size 1: all of them, or one if its size is 1; and with one more.
Tensor squeeze(const Tensor& x);
Tensor squeeze(const Tensor& x, int64_t dim);
Tensor unsqueeze(const Tensor& x, int64_t dim);

/// A view with the dimensions in another order: dimension i of the result is dims[i] of x.
Tensor permute(const Tensor& x, const Dims& dims);
/// A view with two dimensions exchanged.
Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1);
/// The transpose of a matrix; vectors and scalars as they are.
Tensor t(const Tensor& x);
/// A view with dimensions `source` moved to the places `destination`, the others in their order.
Tensor movedim(const Tensor& x, const Dims& source, const Dims& destination);
/// A view with sizes of 1 (or missing in front) repeated to `sizes`; −1 keeps a size.
Tensor expand(const Tensor& x, const Dims& sizes);

/// A copy; dense in x's order of dimensions where x is dense (channels_last stays so).
Tensor clone(const Tensor& x);
/// x if it is dense row-major, else such a copy.
Tensor contiguous(const Tensor& x);
/// x if it is dense with the channels innermost, else such a copy: (N, C, H, W) or (N, C, D, H, W).
Tensor channels_last(const Tensor& x);

}  // namespace nw::ops
