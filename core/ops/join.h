#pragma once

#include <optional>
#include <span>

#include "core/tensor/tensor.h"

/// Tensors put together, repeated and turned around. Every dtype; the result is new memory. The
/// names and rules are torch's.
namespace nw::ops {

/// One behind the other along a dimension, all other sizes equal; promotes dtypes. Empty tensors of
/// one dimension are passed over. Stays channels_last where all are.
Tensor cat(std::span<const Tensor> tensors, int64_t dim = 0);
/// Tensors of one size along a new dimension.
Tensor stack(std::span<const Tensor> tensors, int64_t dim = 0);

/// The whole of x repeated along each dimension; more counts than dimensions add some in front.
Tensor repeat(const Tensor& x, const Dims& counts);
/// The same, with counts of 1 put in front where there are too few.
Tensor tile(const Tensor& x, const Dims& counts);
/// Each element `count` times, along a dimension or of x as a row.
Tensor repeat_interleave(const Tensor& x, int64_t count, std::optional<int64_t> dim = {});
/// Element i as many times as int64 `counts` (n or one) says.
Tensor repeat_interleave(const Tensor& x, const Tensor& counts, std::optional<int64_t> dim = {});

/// The elements of these dimensions in reverse order.
Tensor flip(const Tensor& x, const Dims& dims);
/// Shifted forward along each of `dims`, what falls off comes in at the start; without dims the
/// elements are shifted as one row.
Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims = {});

/// All combinations of one element of each of the vectors (n₁), (n₂), …: (n₁·n₂·…, how many); one
/// vector stays as it is.
Tensor cartesian_prod(std::span<const Tensor> vectors);
/// Which of torch.meshgrid's two orders of dimensions.
enum class GridIndexing : uint8_t { MatrixIj, CartesianXy };
/// Views of vectors (n₁), (n₂), … repeated to (n₁, n₂, …).
Tensors meshgrid(std::span<const Tensor> vectors, GridIndexing indexing = GridIndexing::MatrixIj);

}  // namespace nw::ops
