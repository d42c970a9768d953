#include "core/ops/matmul_raw.h"

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/broadcast.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

/// x itself where the kernel can read it: its rows or its columns dense and without overlap.
Tensor readable(const Tensor& x) {
  // Sizes of 1 may have strides that mean nothing.
  if (x.is_contiguous()) return view_dense(x, x.sizes());
  const size_t last = x.sizes().size() - 1;
  const int64_t rows = x.sizes()[last - 1];
  const int64_t columns = x.sizes()[last];
  const int64_t down = x.strides()[last - 1];
  const int64_t across = x.strides()[last];
  const bool by_rows = across == 1 && down >= columns;
  const bool by_columns = down == 1 && across >= rows;
  return by_rows || by_columns ? x : raw::contiguous(x);
}

}  // namespace

Tensor adjoint(const Tensor& x) {
  Dims sizes = x.sizes();
  Dims strides = x.strides();
  std::swap(sizes[sizes.size() - 2], sizes.back());
  std::swap(strides[sizes.size() - 2], strides.back());
  const Tensor turned = x.as_strided(sizes, strides, x.offset());
  return is_complex(x.dtype()) ? unary_raw(UnaryOp::Conj, turned) : turned;
}

Tensor product(const Tensor& a, const Tensor& b) {
  const Tensor out = new_result(Dims{a.sizes()[0], b.sizes()[1]}, a);
  if (a.numel() == 0 || b.numel() == 0) {
    raw::fill_(out, 0);
  } else {
    kernels_of(a).matmul(readable(a), readable(b), out);
  }
  return out;
}

Tensor batched_product(const Tensor& a, const Tensor& b) {
  const Tensor out = new_result(Dims{a.sizes()[0], a.sizes()[1], b.sizes()[2]}, a);
  if (a.numel() == 0 || b.numel() == 0) {
    raw::fill_(out, 0);
  } else {
    kernels_of(a).bmm(readable(a), readable(b), out);
  }
  return out;
}

}  // namespace nw::ops
