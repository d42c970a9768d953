#include "core/ops/contraction.h"

#include <algorithm>

#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/broadcast.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/join.h"
#include "core/ops/matmul.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"

namespace nw::ops {
namespace {

/// beta · x + alpha · products.
Tensor added(std::string_view op, const Tensor& x, const Tensor& products, const Scalar& beta,
             const Scalar& alpha) {
  const Tensor scaled = alpha.to_complex() == 1.0 ? products : mul(products, alpha);
  NW_CHECK(broadcast(x.sizes(), scaled.sizes(), op) == scaled.sizes(), "[", op,
           "] expects something that broadcasts to ", to_string(scaled.sizes()), ", gets ",
           to_string(x.sizes()));
  if (beta.to_complex() == 0.0) {  // NaN in x does not count either
    const Tensor nowhere = full({}, false, DType::Bool, x.device());
    return add(where(nowhere, x, zeros({}, x.dtype(), x.device())), scaled);
  }
  return add(beta.to_complex() == 1.0 ? x : mul(x, beta), scaled);
}

bool contains(const Dims& dims, int64_t dim) {
  return std::find(dims.begin(), dims.end(), dim) != dims.end();
}

/// The dimensions of `dims` counted from the front, none twice.
Dims checked_dims(const Tensor& x, const Dims& dims, std::string_view op) {
  Dims out;
  for (int64_t dim : dims) {
    const int64_t at = wrap_dim(dim, x.dim(), op);
    NW_CHECK(!contains(out, at), "[", op, "] dimension ", dim, " stands there twice");
    out.push_back(at);
  }
  return out;
}

/// All dimensions of x that are not among `dims`.
Dims others(const Tensor& x, const Dims& dims) {
  Dims out;
  for (int64_t i = 0; i < x.dim(); ++i) {
    if (!contains(dims, i)) out.push_back(i);
  }
  return out;
}

Dims sizes_of(const Tensor& x, const Dims& dims) {
  Dims out;
  for (int64_t dim : dims) out.push_back(x.size(dim));
  return out;
}

Dims joined(const Dims& a, const Dims& b) {
  Dims out = a;
  for (int64_t value : b) out.push_back(value);
  return out;
}

/// The first dimension of size 3 of both.
int64_t first_of_three(const Tensor& a) {
  const auto at = std::find(a.sizes().begin(), a.sizes().end(), 3);
  NW_CHECK(at != a.sizes().end(), "[cross] expects a dimension of size 3, gets ",
           to_string(a.sizes()));
  return at - a.sizes().begin();
}

}  // namespace

Tensor tensordot(const Tensor& a, const Tensor& b, const Dims& a_dims, const Dims& b_dims) {
  NW_CHECK(a_dims.size() == b_dims.size(), "[tensordot] expects as many dimensions of one as of ",
           "the other, gets ", a_dims.size(), " and ", b_dims.size());
  const Dims of_a = checked_dims(a, a_dims, "tensordot");
  const Dims of_b = checked_dims(b, b_dims, "tensordot");
  Tensor x = a;
  Tensor y = b;
  for (size_t i = 0; i < of_a.size(); ++i) {
    const int64_t in_a = a.size(of_a[i]);
    const int64_t in_b = b.size(of_b[i]);
    NW_CHECK(in_a == in_b || in_a == 1 || in_b == 1, "[tensordot] dimension ", a_dims[i],
             " of the first (", in_a, ") does not fit dimension ", b_dims[i], " of the second (",
             in_b, ")");
    // Of one that is repeated the sum over the other's is enough.
    if (in_a == 1 && in_b != 1) y = sum(y, Dims{of_b[i]}, Keep::Yes);
    if (in_b == 1 && in_a != 1) x = sum(x, Dims{of_a[i]}, Keep::Yes);
  }
  const Dims rows = others(x, of_a);
  const Dims columns = others(y, of_b);
  const int64_t inner_size = numel(sizes_of(x, of_a));
  const Tensor left =
      reshape(permute(x, joined(rows, of_a)), Dims{numel(sizes_of(x, rows)), inner_size});
  const Tensor right =
      reshape(permute(y, joined(of_b, columns)), Dims{inner_size, numel(sizes_of(y, columns))});
  return reshape(mm(left, right), joined(sizes_of(x, rows), sizes_of(y, columns)));
}

Tensor tensordot(const Tensor& a, const Tensor& b, int64_t dims) {
  NW_CHECK(dims >= 0 && dims <= a.dim() && dims <= b.dim(), "[tensordot] cannot sum over ", dims,
           " dimensions of ", to_string(a.sizes()), " and ", to_string(b.sizes()));
  Dims of_a, of_b;
  for (int64_t i = 0; i < dims; ++i) {
    of_a.push_back(a.dim() - dims + i);
    of_b.push_back(i);
  }
  return tensordot(a, b, of_a, of_b);
}

Tensor inner(const Tensor& a, const Tensor& b) {
  if (a.dim() == 0 || b.dim() == 0) return mul(a, b);
  NW_CHECK(a.size(-1) == b.size(-1), "[inner] expects equal last dimensions, gets ",
           to_string(a.sizes()), " and ", to_string(b.sizes()));
  return tensordot(a, b, Dims{-1}, Dims{-1});
}

Tensor baddbmm(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta,
               const Scalar& alpha) {
  if (const auto cast = autocast::run(autocast::kLower, baddbmm, x, a, b, beta, alpha))
    return *cast;
  return added("baddbmm", x, bmm(a, b), beta, alpha);
}

Tensor addmv(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta,
             const Scalar& alpha) {
  if (const auto cast = autocast::run(autocast::Rules{autocast::Rule::Whole, autocast::Rule::Lower},
                                      addmv, x, a, b, beta, alpha))
    return *cast;
  return added("addmv", x, mv(a, b), beta, alpha);
}

Tensor cross(const Tensor& a, const Tensor& b, std::optional<int64_t> dim) {
  if (const auto cast = autocast::run(autocast::kWidestOnGpu, cross, a, b, dim)) return *cast;
  NW_CHECK(a.dim() == b.dim(), "[cross] expects as many dimensions of one as of the other, gets ",
           to_string(a.sizes()), " and ", to_string(b.sizes()));
  NW_CHECK(a.dtype() != DType::Bool && b.dtype() != DType::Bool, "[cross] expects numbers");
  const int64_t at = dim ? wrap_dim(*dim, a.dim(), "cross") : first_of_three(a);
  NW_CHECK(a.size(at) == 3 && b.size(at) == 3, "[cross] expects a size of 3 in dimension ", at,
           ", gets ", a.size(at), " and ", b.size(at));
  const Dims sizes = broadcast(a.sizes(), b.sizes(), "cross");
  const Tensor x = expand(a, sizes);
  const Tensor y = expand(b, sizes);
  const Dims along{at};
  return sub(mul(roll(x, Dims{-1}, along), roll(y, Dims{-2}, along)),
             mul(roll(x, Dims{-2}, along), roll(y, Dims{-1}, along)));
}

}  // namespace nw::ops
