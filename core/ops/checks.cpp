#include "core/ops/checks.h"

#include <algorithm>

#include "core/backend/backend.h"
#include "core/backend/creation.h"

namespace nw::ops {

namespace {

void check_there(const Tensor& x, std::string_view op) {
  NW_CHECK(x.defined(), "[", op, "] expects a tensor, gets none");
}

void check_same_kind(const Tensor& a, const Tensor& b, std::string_view op) {
  check_there(b, op);
  NW_CHECK(a.dtype() == b.dtype(), "[", op, "] expects tensors of one dtype, gets ",
           name(a.dtype()), " and ", name(b.dtype()));
  check_device(a, b, op);
}

}  // namespace

void check_floating(const Tensor& x, std::string_view op) {
  check_there(x, op);
  NW_CHECK(is_floating(x.dtype()), "[", op, "] expects floating-point numbers, gets ",
           name(x.dtype()));
}

void check_inexact(const Tensor& x, std::string_view op) {
  check_there(x, op);
  NW_CHECK(is_floating(x.dtype()) || is_complex(x.dtype()), "[", op,
           "] expects floating-point or complex numbers, gets ", name(x.dtype()));
}

void check_device(const Tensor& a, const Tensor& b, std::string_view op) {
  NW_CHECK(a.device() == b.device(), "[", op, "] expects tensors on one device, gets ",
           to_string(a.device()), " and ", to_string(b.device()));
}

void check_alike(const Tensor& a, const Tensor& b, std::string_view op) {
  check_floating(a, op);
  check_same_kind(a, b, op);
}

void check_inexact_alike(const Tensor& a, const Tensor& b, std::string_view op) {
  check_inexact(a, op);
  check_same_kind(a, b, op);
}

std::string batched_text(const Dims& sizes) {
  if (sizes.empty()) return to_string(sizes);
  const Dims sample(sizes.begin() + 1, sizes.end());
  return sample.empty() ? "N" : "N×" + to_string(sample);
}

bool is_dense_in_some_order(const Tensor& x) {
  return x.is_contiguous() || is_dense_any_order(x.sizes(), x.strides());
}

Tensor new_alike(const Tensor& x, DType dtype) {
  const Tensor out = empty(x.sizes(), dtype, x.device());
  if (x.is_contiguous() || !is_dense_in_some_order(x)) return out;
  return out.as_strided(x.sizes(), x.strides(), 0);
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
