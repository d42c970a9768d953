#include "core/ops/distance.h"

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/loss_kernels.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/checks.h"
#include "core/ops/elementwise.h"

namespace nw::ops {

Tensor last_norm(const Tensor& x, double p) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, last_norm, x, p)) return *cast;
  check_floating(x, "norm");
  const int64_t columns = x.dim() == 0 ? 1 : x.sizes().back();
  Dims sizes = x.sizes();
  if (x.dim() > 0) sizes.erase(sizes.size() - 1);
  const Dims rows{numel(sizes), columns};
  const Tensor dense = view_dense(raw::contiguous(x), rows);
  const Tensor out = new_result(sizes, x);
  if (columns == 0) {
    raw::fill_(out, 0);  // for powers below 0, too
  } else {
    kernels_of(x).loss->row_norm(dense, p, view_dense(out, Dims{rows[0]}));
  }
  if (autograd::needs_record(x)) {
    autograd::record(
        "norm", out, std::array{x}, std::array{dense, out},
        [p, sizes_of_x = x.sizes()](const autograd::Node&, const Tensors& grads,
                                    Tensors& grad_inputs, const std::array<Tensor, 2>& saved) {
          if (p == 0) return;  // a count has no slope
          const auto& [rows_of_x, norm] = saved;
          const Dims count{rows_of_x.size(0)};
          const Tensor grad = new_result(rows_of_x.sizes(), rows_of_x);
          kernels_of(grad).loss->row_norm_grad(view_dense(raw::contiguous(grads[0]), count),
                                               rows_of_x, p, view_dense(norm, count), grad);
          grad_inputs[0] = view_dense(grad, sizes_of_x);
        });
  }
  return out;
}

Tensor pairwise_distance(const Tensor& a, const Tensor& b, double p, double eps) {
  const Tensor difference = sub(a, b) + eps;
  return last_norm(is_complex(difference.dtype()) ? abs(difference) : difference, p);
}

}  // namespace nw::ops
