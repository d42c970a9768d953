#include "core/ops/softmax.h"

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

/// (outer, size, inner) around one dimension.
Dims around(const Dims& sizes, int64_t dim) {
  Dims out{1, 1, 1};
  for (size_t i = 0; i < sizes.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    out[at < dim ? 0 : at == dim ? 1 : 2] *= sizes[i];
  }
  return out;
}

Tensor normalise(const Tensor& x, int64_t dim, bool logarithm, std::string_view name) {
  check_floating(x, name);
  const Dims view = around(x.sizes(), wrap_dim(dim, x.dim(), name));
  const Tensor y = new_result(x.sizes(), x);
  if (x.numel() > 0) {
    const Tensor dense = raw::contiguous(x);
    kernels_of(x).softmax(view_dense(dense, view), logarithm, view_dense(y, view));
  }
  if (autograd::needs_record(x)) {
    autograd::record(name, y, std::array{x}, std::array{y},
                     [view, logarithm](const autograd::Node&, const Tensors& grads,
                                       Tensors& grad_inputs, const std::array<Tensor, 1>& saved) {
                       const Tensor grad_x = new_result(saved[0].sizes(), saved[0]);
                       grad_inputs[0] = grad_x;
                       if (grad_x.numel() == 0) return;
                       const Tensor grad = view_dense(raw::contiguous(grads[0]), view);
                       kernels_of(grad).softmax_grad(grad, view_dense(saved[0], view), logarithm,
                                                     view_dense(grad_x, view));
                     });
  }
  return y;
}

}  // namespace

Tensor softmax(const Tensor& x, int64_t dim) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, softmax, x, dim)) return *cast;
  return normalise(x, dim, false, "Softmax");
}

Tensor log_softmax(const Tensor& x, int64_t dim) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, log_softmax, x, dim)) return *cast;
  return normalise(x, dim, true, "LogSoftmax");
}

}  // namespace nw::ops
