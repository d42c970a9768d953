#pragma once

#include "core/backend/element_op.h"
#include "core/tensor/tensor.h"

/// Products of vectors and matrices of one dtype: floating point, complex or whole numbers.
/// Transposed and otherwise strided operands are read where they lie as far as the kernels can.
namespace nw::ops {

/// torch.matmul: (K)·(K) -> scalar; (M, K)·(K, N) -> (M, N); a vector on the left counts as a row
/// and one on the right as a column, which go again; with more dimensions the leading ones are a
/// batch and broadcast: (…, M, K)·(…, K, N) -> (…, M, N).
Tensor matmul(const Tensor& a, const Tensor& b);
/// (M, K)·(K, N) -> (M, N)
Tensor mm(const Tensor& a, const Tensor& b);
/// (B, M, K)·(B, K, N) -> (B, M, N)
Tensor bmm(const Tensor& a, const Tensor& b);
/// (M, K)·(K) -> (M)
Tensor mv(const Tensor& a, const Tensor& b);
/// (K)·(K) -> scalar
Tensor dot(const Tensor& a, const Tensor& b);
/// (M), (N) -> (M, N), all products
Tensor outer(const Tensor& a, const Tensor& b);
/// beta · x + alpha · a·b; x broadcasts to (M, N) and does not count where beta is 0.
Tensor addmm(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta = 1,
             const Scalar& alpha = 1);

/// x (…, in) · weightᵀ (out, in) + bias (out) -> (…, out); bias may be undefined. Throws Error with
/// a Remedy for in_features when x's last dimension does not fit.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);
/// f(linear(x, weight, bias)) in one, f a kind whose slope is told by its result: the same numbers,
/// and nothing in between is written to memory where the backend can do without.
Tensor activated_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, ElementKind f);

}  // namespace nw::ops
