#include "core/optim/math.h"

#include <algorithm>
#include <vector>

#include "core/backend/creation.h"

namespace nw::optim {
namespace {

/// Whether the numbers fill a stretch of memory, in whatever order.
bool is_dense(const Tensor& x) {
  std::vector<std::pair<int64_t, int64_t>> steps;
  for (size_t i = 0; i < x.sizes().size(); ++i) {
    if (x.sizes()[i] != 1) steps.emplace_back(x.strides()[i], x.sizes()[i]);
  }
  std::sort(steps.begin(), steps.end());
  int64_t expected = 1;
  for (const auto& [stride, size] : steps) {
    if (stride != expected) return false;
    expected *= size;
  }
  return true;
}

}  // namespace

Tensor real_view(const Tensor& x) {
  if (!is_complex(x.dtype())) return x;
  Dims sizes = x.sizes();
  Dims strides = x.strides();
  for (int64_t& stride : strides) stride *= 2;
  sizes.push_back(2);
  strides.push_back(1);
  const DType part = x.dtype() == DType::Complex64 ? DType::Float32 : DType::Float64;
  return Tensor(x.storage(), sizes, strides, 2 * x.offset(), part);
}

Tensor memory_of(const Tensor& x) {
  if (x.is_contiguous()) return x;
  NW_CHECK(is_dense(x), "[Optimizer] expects numbers that lie densely in memory, gets ",
           describe(x), " with gaps");
  return x.as_strided(Dims{x.numel()}, Dims{1}, x.offset());
}

Tensor laid_out_as(const Tensor& x, const Tensor& like) {
  if (x.strides() == like.strides()) return x;
  if (like.is_contiguous()) return raw::contiguous(x);
  const Tensor room = empty(Dims{x.numel()}, x.dtype(), x.device());
  const Tensor out = room.as_strided(like.sizes(), like.strides(), 0);
  raw::copy_(out, x);
  return out;
}

Tensor viewed_as(const Tensor& state, const Tensor& param) {
  const bool complex = is_complex(param.dtype());
  const int64_t offset = complex ? state.offset() / 2 : state.offset();
  return Tensor(state.storage(), param.sizes(), param.strides(), offset, param.dtype());
}

Tensor zeros_as(const Tensor& x) {
  return zeros(x.sizes(), x.dtype(), x.device());
}

Tensor apply(UnaryOp op, const Tensor& x) {
  const Tensor out = empty_like(x);
  kernels_of(x).unary(op, x, out);
  return out;
}

Tensor apply(BinaryOp op, const Tensor& a, const Tensor& b) {
  const Tensor out = empty_like(a);
  kernels_of(a).binary(op, a, b, out);
  return out;
}

Tensor scaled(const Tensor& x, double scale, double shift) {
  const Tensor out = empty_like(x);
  kernels_of(x).affine(x, scale, shift, out);
  return out;
}

void add_(const Tensor& target, const Tensor& x, double scale) {
  kernels_of(target).axpy(x, scale, target);
}

Tensor blend(const Tensor& x, double keep, const Tensor& y, double scale) {
  const Tensor out = scaled(x, keep);
  add_(out, y, scale);
  return out;
}

}  // namespace nw::optim
