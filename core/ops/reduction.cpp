#include "core/ops/reduction.h"

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

/// Sizes of the result: with the reduced dimensions as 1, and as the caller wants them.
struct Plan {
  Dims kept;
  Dims out;
  int64_t count = 1;  // elements that go into one result
};

Plan plan(const Tensor& x, const Dims& dims, Keep keep, std::string_view op) {
  Plan made;
  made.kept = x.sizes();
  SmallVector<bool, kMaxDims> reduced(x.sizes().size(), dims.empty());
  for (int64_t dim : dims) {
    const auto d = static_cast<size_t>(wrap_dim(dim, x.dim(), op));
    if (x.dim() == 0) continue;
    NW_CHECK(!reduced[d], "[", op, "] dimension ", dim, " is named twice");
    reduced[d] = true;
  }
  for (size_t i = 0; i < reduced.size(); ++i) {
    if (reduced[i]) {
      made.count *= x.sizes()[i];
      made.kept[i] = 1;
    }
    if (!reduced[i] || keep == Keep::Yes) made.out.push_back(made.kept[i]);
  }
  return made;
}

/// Σ x · scale over what `made` reduces; `name` is a literal.
Tensor reduce(const Tensor& x, const Plan& made, double scale, std::string_view name) {
  const Tensor total = new_result(made.kept, x);
  if (x.numel() == 0) {
    raw::fill_(total, 0);
  } else {
    kernels_of(x).sum(x, total);
  }
  Tensor out = total;
  if (scale != 1) {
    out = new_result(made.kept, x);
    kernels_of(x).affine(total, scale, 0, out);
  }
  if (made.out.size() != made.kept.size()) out = view_dense(out, made.out);
  if (needs_record(x)) {
    record(name, out, std::array{x}, std::array<Tensor, 0>{},
           [sizes = x.sizes(), kept = made.kept, scale](const Node&, const Tensors& grads,
                                                        Tensors& grad_inputs, const auto&) {
             Tensor grad = view_dense(raw::contiguous(grads[0]), kept);
             if (scale != 1) {
               const Tensor small = new_result(kept, grad);
               kernels_of(grad).affine(grad, scale, 0, small);
               grad = small;
             }
             grad_inputs[0] = raw::expand(grad, sizes);
           });
  }
  return out;
}

}  // namespace

Tensor sum(const Tensor& x) {
  return sum(x, Dims{});
}

Tensor mean(const Tensor& x) {
  return mean(x, Dims{});
}

Tensor sum(const Tensor& x, const Dims& dims, Keep keep) {
  check_floating(x, "sum");
  return reduce(x, plan(x, dims, keep, "sum"), 1, "sum");
}

Tensor mean(const Tensor& x, const Dims& dims, Keep keep) {
  check_floating(x, "mean");
  const Plan made = plan(x, dims, keep, "mean");
  return reduce(x, made, 1.0 / static_cast<double>(made.count), "mean");
}

}  // namespace nw::ops
