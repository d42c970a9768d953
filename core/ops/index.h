#pragma once

#include <optional>
#include <vector>

#include "core/tensor/tensor.h"

/// Elements taken and put by index. Every dtype; an index is int64, a mask bool. The names
/// and rules are torch's; dimensions may be negative. What ends in _ edits x in place.
namespace nw::ops {

// --- along one dimension ---
/// The elements of a dimension that a vector of n indices names (int32, too), each 0 … size − 1.
Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index);
/// x with `source` (n elements along dim) times alpha added at the places that n indices name.
Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                 const Scalar& alpha = 1);
Tensor index_add_(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                  const Scalar& alpha = 1);

/// out[…, i, …] = x[…, index[…, i, …], …] along dim: out has index's sizes.
Tensor gather(const Tensor& x, int64_t dim, const Tensor& index);
/// The same where index and x broadcast but for dim; without dim both are rows.
Tensor take_along_dim(const Tensor& x, const Tensor& index, std::optional<int64_t> dim = {});

/// x with out[…, index[…, i, …], …] = source[…, i, …] along dim; of several for one place the last
/// stays. source may be larger than index.
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source);
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Scalar& value);
/// The same with +=.
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source);
/// How scatter_reduce combines what goes to one place, and whether what x has there counts, too.
enum class Reduce : uint8_t { Sum, Prod, Mean, Amax, Amin };
enum class IncludeSelf : uint8_t { No, Yes };
/// The same with all that goes to one place combined; places that nothing goes to keep x's number.
/// Means of whole numbers are rounded down, and bool has none; equal extremes share the gradient,
/// and complex numbers have none.
Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                      Reduce reduce, IncludeSelf own = IncludeSelf::Yes);
Tensor scatter_(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source);
Tensor scatter_(const Tensor& x, int64_t dim, const Tensor& index, const Scalar& value);
Tensor scatter_add_(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source);

// --- by several indices and masks ---
/// x[indices[0], indices[1], …] as in Python: undefined is `:`, an int64 tensor names elements (may
/// be negative), a mask of one or more dimensions names those where it is true. Several index
/// tensors broadcast; what they name stands where they stood, or in front when others lie between.
/// An index without dimensions counts as the other tensors do (torch.ops.aten.index).
Tensor index(const Tensor& x, const std::vector<Tensor>& indices);

/// Whether what is put takes the place, or is added.
enum class Accumulate : uint8_t { No, Yes };
/// x[indices…] = or += values, which broadcast.
Tensor index_put(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values,
                 Accumulate accumulate = Accumulate::No);
Tensor index_put_(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values,
                  Accumulate accumulate = Accumulate::No);

/// x with `value` (a number, or a tensor of no dimension) where mask is true; they broadcast.
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Scalar& value);
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value);
/// The same in place: mask broadcasts to x.
Tensor masked_fill_(const Tensor& x, const Tensor& mask, const Scalar& value);
Tensor masked_fill_(const Tensor& x, const Tensor& mask, const Tensor& value);
/// The elements where mask is true, as a row; both broadcast. Not on meta.
Tensor masked_select(const Tensor& x, const Tensor& mask);
/// Where x is not 0: int64 (count, rank), in row-major order. Not on meta.
Tensor nonzero(const Tensor& x);

/// int64 (…) of 0 … classes − 1 -> int64 (…, classes) with a 1 in its place; −1 classes: one more
/// than the largest (not on meta).
Tensor one_hot(const Tensor& x, int64_t classes = -1);

/// x with 0 above (tril) or below (triu) a diagonal of its last two dimensions.
Tensor tril(const Tensor& x, int64_t diagonal = 0);
Tensor triu(const Tensor& x, int64_t diagonal = 0);

}  // namespace nw::ops
