#include "core/ops/sort.h"

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/index_kernels.h"
#include "core/ops/checks.h"
#include "core/ops/index_checks.h"

namespace nw::ops {
namespace {

using Order = void (*)(const Tensor& x, int64_t dim, bool flag, const Tensor& values,
                       const Tensor& indices);

/// The first `count` of an order along `dim`.
Sorted ordered(std::string_view op, Order order, const Tensor& x, int64_t dim, int64_t count,
               bool flag) {
  NW_CHECK(!is_complex(x.dtype()), "[", op, "] complex numbers have no order, gets ", describe(x));
  Dims sizes = x.sizes();
  if (x.dim() > 0) sizes[static_cast<size_t>(dim)] = count;
  const Sorted out{new_result(sizes, x), empty(sizes, DType::Int64, x.device())};
  if (out.values.numel() > 0) {
    order(with_a_dim(x.detach()), dim, flag, with_a_dim(out.values), with_a_dim(out.indices));
  }
  if (autograd::needs_record(x)) {
    autograd::record(
        op, out.values, std::array{x}, std::array{out.indices},
        [dim, x_sizes = x.sizes()](const autograd::Node&, const Tensors& grads,
                                   Tensors& grad_inputs, const std::array<Tensor, 1>& saved) {
          const Tensor& grad = grads[0];
          const Tensor whole = zeros(x_sizes, grad.dtype(), grad.device());
          if (grad.numel() > 0) {
            kernels_of(grad).index->scatter(with_a_dim(grad), with_a_dim(saved[0]), dim,
                                            PutMode::Set, with_a_dim(whole));
          }
          grad_inputs[0] = whole;
        });
  }
  return out;
}

}  // namespace

Sorted sort(const Tensor& x, int64_t dim, Direction direction) {
  const int64_t d = wrap_dim(dim, x.dim(), "sort");
  return ordered("sort", kernels_of(x).index->sort, x, d, with_a_dim(x).size(d),
                 direction == Direction::Descending);
}

Tensor argsort(const Tensor& x, int64_t dim, Direction direction) {
  return sort(x.detach(), dim, direction).indices;
}

Sorted topk(const Tensor& x, int64_t k, int64_t dim, TopkOf of) {
  const int64_t d = wrap_dim(dim, x.dim(), "topk");
  const int64_t size = with_a_dim(x).size(d);
  NW_CHECK(k >= 0 && k <= size, "[topk] k (", k, ") is outside 0 … ", size,
           ", the size of dimension ", dim);
  NW_CHECK(x.dtype() != DType::Bool, "[topk] expects numbers, gets ", describe(x));
  return ordered("topk", kernels_of(x).index->topk, x, d, k, of == TopkOf::Largest);
}

}  // namespace nw::ops
