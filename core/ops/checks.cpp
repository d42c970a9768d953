#include "core/ops/checks.h"

#include "core/backend/backend.h"
#include "core/backend/creation.h"

namespace nw::ops {

void check_floating(const Tensor& x, std::string_view op) {
  NW_CHECK(x.defined(), "[", op, "] expects a tensor, gets none");
  const DType dtype = x.dtype();
  NW_CHECK(dtype == DType::Float32 || dtype == DType::Float64, "[", op,
           "] expects float32 or float64, gets ", name(dtype));
}

void check_alike(const Tensor& a, const Tensor& b, std::string_view op) {
  check_floating(a, op);
  NW_CHECK(b.defined(), "[", op, "] expects a tensor, gets none");
  NW_CHECK(a.dtype() == b.dtype(), "[", op, "] expects tensors of one dtype, gets ",
           name(a.dtype()), " and ", name(b.dtype()));
  NW_CHECK(a.device() == b.device(), "[", op, "] expects tensors on one device, gets ",
           to_string(a.device()), " and ", to_string(b.device()));
}

std::string batched_text(const Dims& sizes) {
  if (sizes.empty()) return to_string(sizes);
  const Dims sample(sizes.begin() + 1, sizes.end());
  return sample.empty() ? "N" : "N×" + to_string(sample);
}

Tensor new_result(const Dims& sizes, const Tensor& like) {
  return empty(sizes, like.dtype(), like.device());
}

Tensor view_dense(const Tensor& x, const Dims& sizes) {
  return x.as_strided(sizes, contiguous_strides(sizes), x.offset());
}

Tensor sum_to(const Tensor& grad, const Dims& sizes) {
  if (grad.sizes() == sizes) return grad;
  Dims padded(grad.sizes().size(), 1);
  std::copy(sizes.begin(), sizes.end(), padded.end() - sizes.size());
  const Tensor out = new_result(padded, grad);
  if (grad.numel() == 0) {
    raw::fill_(out, 0);
  } else {
    kernels_of(grad).sum(grad, out);
  }
  return padded == sizes ? out : view_dense(out, sizes);
}

}  // namespace nw::ops
