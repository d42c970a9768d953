#pragma once

#include "core/ops/reduction.h"
#include "core/ops/sort.h"

/// Numbers chosen by their place in the order: real and whole numbers; NaN counts as largest. The
/// names and rules are torch's. Throw Error where there is nothing to choose from.
namespace nw::ops {

/// The k-th smallest along a dimension, k from 1. Of equals the one that stood first counts first.
Sorted kthvalue(const Tensor& x, int64_t k, int64_t dim = -1, Keep keep = Keep::No);

/// The number in the middle of all, the lower of two; NaN if there is one, and of nothing. Equal
/// ones share the gradient.
Tensor median(const Tensor& x);
/// The same along a dimension; the number at `indices` has the whole gradient.
Sorted median(const Tensor& x, int64_t dim, Keep keep = Keep::No);
/// The same of the numbers that are not NaN.
Tensor nanmedian(const Tensor& x);
Sorted nanmedian(const Tensor& x, int64_t dim, Keep keep = Keep::No);

/// The number that stands most often along a dimension, the smallest of several, and where its last
/// one stands.
Sorted mode(const Tensor& x, int64_t dim = -1, Keep keep = Keep::No);

/// The largest or smallest up to each place, and where it stands, the last of equals; NaN wins.
/// bool, too.
Sorted cummax(const Tensor& x, int64_t dim);
Sorted cummin(const Tensor& x, int64_t dim);

}  // namespace nw::ops
