#pragma once

#include <limits>
#include <optional>
#include <utility>

#include "core/tensor/tensor.h"

namespace nw::ops {

/// Whether reduced dimensions stay with size 1 or go.
enum class Keep : uint8_t { No, Yes };

// Over `dims`, which may be negative; an empty list means all. Without dims: over all elements, to
// a scalar.

/// Of whole numbers and bool in int64.
Tensor sum(const Tensor& x);
Tensor sum(const Tensor& x, const Dims& dims, Keep keep = Keep::No);
/// Floating point or complex.
Tensor mean(const Tensor& x);
Tensor mean(const Tensor& x, const Dims& dims, Keep keep = Keep::No);
/// The product; of whole numbers and bool in int64.
Tensor prod(const Tensor& x);
Tensor prod(const Tensor& x, int64_t dim, Keep keep = Keep::No);
/// Whether all, or any, differ from 0 -> bool.
Tensor all(const Tensor& x, const Dims& dims = {}, Keep keep = Keep::No);
Tensor any(const Tensor& x, const Dims& dims = {}, Keep keep = Keep::No);
/// How many differ from 0 -> int64.
Tensor count_nonzero(const Tensor& x, const Dims& dims = {});

/// The largest and the smallest; NaN wins. Equal ones share the gradient. Not of complex numbers;
/// throws Error where there is nothing to choose from.
Tensor amax(const Tensor& x, const Dims& dims = {}, Keep keep = Keep::No);
Tensor amin(const Tensor& x, const Dims& dims = {}, Keep keep = Keep::No);
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);
/// (values, indices) along one dimension: the first of equal ones, which has the whole gradient.
std::pair<Tensor, Tensor> max(const Tensor& x, int64_t dim, Keep keep = Keep::No);
std::pair<Tensor, Tensor> min(const Tensor& x, int64_t dim, Keep keep = Keep::No);
/// The index of the first, int64; without a dimension in the flattened tensor.
Tensor argmax(const Tensor& x, std::optional<int64_t> dim = {}, Keep keep = Keep::No);
Tensor argmin(const Tensor& x, std::optional<int64_t> dim = {}, Keep keep = Keep::No);

/// Σ|x − mean|² / (count − correction), and its root, whose gradient is 0 where it is 0; floating
/// point or complex, the result real.
Tensor var(const Tensor& x, const Dims& dims = {}, int64_t correction = 1, Keep keep = Keep::No);
/// torch.std
Tensor std_dev(const Tensor& x, const Dims& dims = {}, int64_t correction = 1,
               Keep keep = Keep::No);
/// The variance, or its root, and the mean.
std::pair<Tensor, Tensor> var_mean(const Tensor& x, const Dims& dims = {}, int64_t correction = 1,
                                   Keep keep = Keep::No);
std::pair<Tensor, Tensor> std_mean(const Tensor& x, const Dims& dims = {}, int64_t correction = 1,
                                   Keep keep = Keep::No);
/// (Σ|x|ᵖ)^(1/p); p may be ±∞ (the largest or smallest |x|) and 0 (how many are not 0). Floating
/// point or complex, the result real.
Tensor norm(const Tensor& x, double p = 2, const Dims& dims = {}, Keep keep = Keep::No);
/// ln Σ eˣ without overflow; real, whole numbers and bool as float32.
Tensor logsumexp(const Tensor& x, const Dims& dims, Keep keep = Keep::No);

/// Running sums and products along one dimension; of whole numbers and bool in int64.
Tensor cumsum(const Tensor& x, int64_t dim);
Tensor cumprod(const Tensor& x, int64_t dim);

}  // namespace nw::ops
