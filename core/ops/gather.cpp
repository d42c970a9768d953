#include "core/autograd/in_place.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/index_kernels.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/index.h"
#include "core/ops/index_checks.h"
#include "core/ops/shape.h"

// gather, scatter and their relatives: an index for each element, along one dimension.
namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;

const IndexKernels& index_kernels(const Tensor& x) {
  return *kernels_of(x).index;
}

/// Throws Error unless `index` is no larger than `x`, but for dimension `dim`.
void check_inside(const Tensor& index, const Tensor& x, int64_t dim, std::string_view op) {
  bool fits = index.dim() == x.dim();
  for (int64_t i = 0; fits && i < x.dim(); ++i) fits = i == dim || index.size(i) <= x.size(i);
  NW_CHECK(fits, "[", op, "] an index of ", to_string(index.sizes()), " is larger than ",
           to_string(x.sizes()), dim < 0 ? "" : concat(" outside dimension ", dim));
}

/// The first elements of `x` in each dimension, as many as `like` has, but for `dim`.
Tensor first_of(const Tensor& x, const Dims& like) {
  return x.as_strided(like, x.strides(), x.offset());
}

Tensor gathered(const Tensor& x, int64_t dim, const Tensor& index) {
  const Tensor out = empty(index.sizes(), x.dtype(), x.device());
  if (index.numel() == 0) return out;
  const Tensor places = with_a_dim(index);
  const Tensor from = with_a_dim(x.detach());
  Dims sizes = places.sizes();
  sizes[static_cast<size_t>(dim)] = from.size(dim);
  index_kernels(x).gather(first_of(from, sizes), places, dim, with_a_dim(out));
  return out;
}

void scatter_into(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                  PutMode mode) {
  if (index.numel() == 0) return;
  const Tensor places = with_a_dim(index);
  index_kernels(x).scatter(first_of(with_a_dim(source), places.sizes()), places, dim, mode,
                           with_a_dim(x));
}

/// One put, checked: a tensor or a number at the places of an index.
struct Put {
  std::string_view op;
  int64_t dim;
  Tensor index;
  Tensor source;  // of the index's sizes at least; a number is repeated by stride 0
  PutMode mode;
};

Put checked_put(std::string_view op, const Tensor& x, int64_t dim, const Tensor& index,
                const Tensor& source, PutMode mode) {
  check_same_kind(x, source, op);
  const Tensor places = checked_index(index, x, op);
  const int64_t d = wrap_dim(dim, x.dim(), op);
  if (places.numel() > 0) {
    check_inside(with_a_dim(places), with_a_dim(x), d, op);
    check_inside(with_a_dim(places), with_a_dim(source), -1, op);
  }
  return {op, d, places, source, mode};
}

Put checked_put(const Tensor& x, int64_t dim, const Tensor& index, const Scalar& value) {
  const Tensor number = number_like(value, x);
  return checked_put("scatter", x, dim, index, raw::expand(number, index.sizes()), PutMode::Set);
}

auto put_backward(const Put& put) {
  return [dim = put.dim, mode = put.mode, sizes = put.source.sizes()](
             const Node& node, const Tensors& grads, Tensors& grad_inputs,
             const std::array<Tensor, 1>& saved) {
    const Tensor& grad = grads[0];
    const Tensor& index = saved[0];
    if (node.needs_grad(0)) {
      grad_inputs[0] = grad;
      if (mode == PutMode::Set) {
        grad_inputs[0] = raw::clone(grad);
        scatter_into(grad_inputs[0], dim, index, raw::expand(number_like(0, grad), index.sizes()),
                     PutMode::Set);
      }
    }
    if (!node.needs_grad(1)) return;
    const Tensor part = gathered(grad, dim, index);
    if (sizes == index.sizes()) {
      grad_inputs[1] = part;
      return;
    }
    // What was not used of a larger source has no part in the result.
    const Tensor whole = zeros(sizes, grad.dtype(), grad.device());
    if (part.numel() > 0) kernels_of(grad).copy(part, first_of(whole, part.sizes()));
    grad_inputs[1] = whole;
  };
}

Tensor put_copy(const Tensor& x, const Put& put) {
  const Tensor out = raw::clone(x);
  scatter_into(out, put.dim, put.index, put.source.detach(), put.mode);
  if (needs_record(x, put.source)) {
    autograd::record(put.op, out, std::array{x, put.source}, std::array{put.index},
                     put_backward(put));
  }
  return out;
}

Tensor put_in_place(const Tensor& x, const Put& put) {
  const bool recording = needs_record(x, put.source);
  autograd::check_in_place(put.op, x, recording);
  scatter_into(x, put.dim, put.index, put.source.detach(), put.mode);
  if (recording) {
    autograd::record_in_place(put.op, std::array{x, put.source}, std::array{put.index},
                              put_backward(put));
  } else {
    x.storage()->bump_version();
  }
  return x;
}

}  // namespace

Tensor gather(const Tensor& x, int64_t dim, const Tensor& index) {
  const Tensor places = checked_index(index, x, "gather");
  const int64_t d = wrap_dim(dim, x.dim(), "gather");
  if (places.numel() > 0) check_inside(with_a_dim(places), with_a_dim(x), d, "gather");
  const Tensor out = gathered(x, d, places);
  if (needs_record(x)) {
    autograd::record("gather", out, std::array{x}, std::array{places},
                     [d, sizes = x.sizes()](const Node&, const Tensors& grads, Tensors& grad_inputs,
                                            const std::array<Tensor, 1>& saved) {
                       const Tensor& grad = grads[0];
                       grad_inputs[0] = zeros(sizes, grad.dtype(), grad.device());
                       scatter_into(grad_inputs[0], d, saved[0], grad, PutMode::Add);
                     });
  }
  return out;
}

Tensor take_along_dim(const Tensor& x, const Tensor& index, std::optional<int64_t> dim) {
  NW_CHECK(index.defined() && index.dtype() == DType::Int64,
           "[take_along_dim] expects indices of int64, gets ", describe(index));
  if (!dim) return gather(reshape(x, {-1}), 0, reshape(index, {-1}));
  NW_CHECK(x.dim() == index.dim(), "[take_along_dim] expects an index of ", x.dim(),
           " dimensions, gets ", describe(index));
  const auto d = static_cast<size_t>(wrap_dim(*dim, x.dim(), "take_along_dim"));
  if (x.dim() == 0) return gather(x, 0, index);
  Dims x_sizes = x.sizes();
  Dims index_sizes = index.sizes();
  x_sizes[d] = index_sizes[d] = 1;
  Dims common = broadcast(x_sizes, index_sizes, "take_along_dim");
  common[d] = x.sizes()[d];
  const Tensor from = expand(x, common);
  common[d] = index.sizes()[d];
  return gather(from, *dim, expand(index, common));
}

Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  return put_copy(x, checked_put("scatter", x, dim, index, source, PutMode::Set));
}

Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Scalar& value) {
  return put_copy(x, checked_put(x, dim, index, value));
}

Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  if (const auto cast = autocast::run(autocast::kWidestOnGpu, scatter_add, x, dim, index, source))
    return *cast;
  return put_copy(x, checked_put("scatter_add", x, dim, index, source, PutMode::Add));
}

Tensor scatter_(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  return put_in_place(x, checked_put("scatter_", x, dim, index, source, PutMode::Set));
}

Tensor scatter_(const Tensor& x, int64_t dim, const Tensor& index, const Scalar& value) {
  return put_in_place(x, checked_put(x, dim, index, value));
}

Tensor scatter_add_(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  return put_in_place(x, checked_put("scatter_add_", x, dim, index, source, PutMode::Add));
}

}  // namespace nw::ops
