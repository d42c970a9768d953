#include "core/ops/index.h"

#include "core/autograd/in_place.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/index_kernels.h"
#include "core/ops/broadcast.h"
#include "core/ops/checks.h"
#include "core/ops/index_checks.h"
#include "core/ops/promotion.h"
#include "core/ops/shape.h"
#include "core/ops/view_of.h"

namespace nw::ops {

Tensor checked_index(const Tensor& index, const Tensor& x, std::string_view op) {
  NW_CHECK(index.defined() && index.dtype() == DType::Int64, "[", op,
           "] expects indices of int64, gets ", describe(index));
  check_device(x, index, op);
  return raw::contiguous(index);
}

Tensor checked_vector(const Tensor& index, const Tensor& x, std::string_view op) {
  NW_CHECK(index.defined() && index.dim() <= 1, "[", op, "] expects a vector of indices, gets ",
           describe(index));
  return checked_index(index.dtype() == DType::Int32 ? raw::to(index, DType::Int64) : index, x, op);
}

void check_same_kind(const Tensor& x, const Tensor& given, std::string_view op) {
  NW_CHECK(given.defined() && x.dtype() == given.dtype(), "[", op, "] expects ", name(x.dtype()),
           " to put into ", describe(x), ", gets ", describe(given));
  check_device(x, given, op);
}

Tensor with_a_dim(const Tensor& x) {
  return x.dim() == 0 ? x.as_strided({1}, {1}, x.offset()) : x;
}

Tensor number_like(const Scalar& value, const Tensor& x) {
  return full({}, value, x.dtype(), x.device());
}

namespace {

using autograd::needs_record;
using autograd::Node;

const IndexKernels& index_kernels(const Tensor& x) {
  return *kernels_of(x).index;
}

/// Sizes as (outer, the dimension, inner).
Dims in_three(const Dims& sizes, size_t dim) {
  Dims three{1, sizes[dim], 1};
  for (size_t i = 0; i < dim; ++i) three[0] *= sizes[i];
  for (size_t i = dim + 1; i < sizes.size(); ++i) three[2] *= sizes[i];
  return three;
}

Tensor selected(const Tensor& x, size_t dim, const Tensor& index) {
  Dims sizes = x.sizes();
  sizes[dim] = index.numel();
  const Tensor out = new_result(sizes, x);
  index_kernels(x).index_select(reshaped(x, in_three(x.sizes(), dim)), index,
                                view_dense(out, in_three(sizes, dim)));
  return out;
}

/// x += source at the indices; x as it lies in memory.
void add_at(const Tensor& x, size_t dim, const Tensor& index, const Tensor& source) {
  const Dims three = in_three(x.sizes(), dim);
  const Tensor given = reshaped(source, in_three(source.sizes(), dim));
  if (const auto strides = view_strides(x, three)) {
    index_kernels(x).index_add(given, index, x.as_strided(three, *strides, x.offset()));
    return;
  }
  const Tensor dense = raw::clone(x);
  index_kernels(x).index_add(given, index, view_dense(dense, three));
  kernels_of(x).copy(dense, x);
}

/// What index_add and its in-place form need, checked.
struct Addition {
  Tensor index, source;
  size_t dim;
};

Addition addition(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  check_same_kind(x, source, "index_add");
  const Tensor places = checked_vector(index, x, "index_add");
  const auto d = static_cast<size_t>(wrap_dim(dim, x.dim(), "index_add"));
  const Dims& sizes = with_a_dim(x).sizes();
  bool fits = with_a_dim(source).dim() == with_a_dim(x).dim();
  for (size_t i = 0; fits && i < sizes.size(); ++i) {
    const int64_t wanted = i == d ? index.numel() : sizes[i];
    fits = with_a_dim(source).sizes()[i] == wanted;
  }
  NW_CHECK(fits, "[index_add] a source of ", describe(source), " does not suit ", index.numel(),
           " indices along dimension ", dim, " of ", describe(x));
  return {places, source, d};
}

void apply(const Addition& given, const Tensor& x, const Scalar& alpha) {
  Tensor source = given.source.detach();
  if (!alpha.is_whole() || alpha.to_int64() != 1) {
    source = binary_raw(BinaryOp::Mul, source, operand(alpha, source.dtype(), source), "index_add",
                        source.dtype());
  }
  add_at(with_a_dim(x), given.dim, given.index, with_a_dim(source));
}

auto addition_backward(const Addition& given, const Scalar& alpha) {
  return [dim = given.dim, sizes = given.source.sizes(), alpha](
             const Node& node, const Tensors& grads, Tensors& grad_inputs,
             const std::array<Tensor, 1>& saved) {
    if (node.needs_grad(0)) grad_inputs[0] = grads[0];
    if (!node.needs_grad(1)) return;
    const Tensor part = reshaped(selected(with_a_dim(grads[0]), dim, saved[0]), sizes);
    grad_inputs[1] = binary_raw(BinaryOp::Mul, part, operand(alpha, part.dtype(), part),
                                "index_add", part.dtype());
  };
}

}  // namespace

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  const auto d = static_cast<size_t>(wrap_dim(dim, x.dim(), "index_select"));
  const Tensor places = checked_vector(index, x, "index_select");
  Tensor out = selected(with_a_dim(x.detach()), d, places);
  if (x.dim() == 0) {
    NW_CHECK(index.numel() == 1, "[index_select] expects one index for a scalar, gets ",
             index.numel());
    out = view_dense(out, {});
  }
  if (needs_record(x)) {
    autograd::record("index_select", out, std::array{x}, std::array{places},
                     [d, sizes = x.sizes()](const Node&, const Tensors& grads, Tensors& grad_inputs,
                                            const std::array<Tensor, 1>& saved) {
                       const Tensor& grad = grads[0];
                       const Tensor whole = zeros(sizes, grad.dtype(), grad.device());
                       add_at(with_a_dim(whole), d, saved[0], with_a_dim(grad));
                       grad_inputs[0] = whole;
                     });
  }
  return out;
}

Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                 const Scalar& alpha) {
  const Addition given = addition(x, dim, index, source);
  const Tensor out = raw::clone(x);
  apply(given, out, alpha);
  if (needs_record(x, source)) {
    autograd::record("index_add", out, std::array{x, source}, std::array{given.index},
                     addition_backward(given, alpha));
  }
  return out;
}

Tensor index_add_(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                  const Scalar& alpha) {
  const Addition given = addition(x, dim, index, source);
  const bool recording = needs_record(x, source);
  autograd::check_in_place("index_add_", x, recording);
  apply(given, x, alpha);
  if (recording) {
    autograd::record_in_place("index_add_", std::array{x, source}, std::array{given.index},
                              addition_backward(given, alpha));
  } else {
    x.storage()->bump_version();
  }
  return x;
}

}  // namespace nw::ops
