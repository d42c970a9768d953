#pragma once

#include <optional>
#include <vector>

#include "core/tensor/tensor.h"

/// Views of parts of a tensor: no copy is made. Every dtype. Dimensions may be negative. The names
/// and rules are torch's.
namespace nw::ops {

/// Elements start … start + length − 1 of one dimension; start may be negative.
Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length);
/// One element of a dimension, which goes; index may be negative.
Tensor select(const Tensor& x, int64_t dim, int64_t index);
/// Every `step`-th element of start … end − 1, as x[start:end:step] in Python: positions may be
/// negative, left out, or beyond the size. The step is positive.
Tensor slice(const Tensor& x, int64_t dim, std::optional<int64_t> start = {},
             std::optional<int64_t> end = {}, int64_t step = 1);
/// The diagonal of two dimensions, as a new last dimension; `offset` > 0 lies above it.
Tensor diagonal(const Tensor& x, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1);
/// All windows of `size` elements along a dimension, `step` apart, as a new last dimension.
Tensor unfold(const Tensor& x, int64_t dim, int64_t size, int64_t step);

/// Parts of `size` elements each along a dimension, the last maybe smaller.
Tensors split(const Tensor& x, int64_t size, int64_t dim = 0);
/// Parts of the given sizes, which must add up to the dimension's.
Tensors split_with_sizes(const Tensor& x, const std::vector<int64_t>& sizes, int64_t dim = 0);
/// At most `chunks` parts of equal size, the last maybe smaller.
Tensors chunk(const Tensor& x, int64_t chunks, int64_t dim = 0);
/// All elements of a dimension, which goes.
Tensors unbind(const Tensor& x, int64_t dim = 0);

}  // namespace nw::ops
