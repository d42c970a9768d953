#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "core/tensor/tensor.h"

/// Sums of products over named or listed dimensions. Floating point, complex or whole numbers of
/// one dtype; all are made of permutations and matrix products. The names and rules are torch's.
namespace nw::ops {

/// Sums of products by Einstein's notation: "ij,jk->ik" is a matrix product. A letter names a
/// dimension, twice in one operand its diagonal; "..." stands for all that are not named, which
/// broadcast. Without "->" the result has the letters that stand once, in alphabetical order
/// (capitals first), behind the "...". Operands are taken from left to right.
Tensor einsum(std::string_view equation, std::span<const Tensor> operands);

/// Sums over the last `dims` dimensions of a and the first ones of b, or over pairs of dimensions.
Tensor tensordot(const Tensor& a, const Tensor& b, int64_t dims = 2);
Tensor tensordot(const Tensor& a, const Tensor& b, const Dims& a_dims, const Dims& b_dims);

/// Sums over the last dimension of both: (…, K), (*, K) -> (…, *). A scalar multiplies.
Tensor inner(const Tensor& a, const Tensor& b);

/// beta · x + alpha · a·b for each of a batch: (B, M, K)·(B, K, N); x broadcasts to (B, M, N) and
/// does not count where beta is 0.
Tensor baddbmm(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta = 1,
               const Scalar& alpha = 1);
/// beta · x + alpha · a·b of a matrix (M, K) and a vector (K); x broadcasts to (M).
Tensor addmv(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta = 1,
             const Scalar& alpha = 1);

/// The vector product along a dimension of size 3, by default the first one; both broadcast.
Tensor cross(const Tensor& a, const Tensor& b, std::optional<int64_t> dim = {});

}  // namespace nw::ops
