#include "core/ops/view_of.h"

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"

namespace nw::ops {

Tensor put_into_zeros(const Tensor& grad, const Dims& sizes, const Geometry& place) {
  const Tensor whole = zeros(sizes, grad.dtype(), grad.device());
  kernels_of(grad).copy(grad, seen_as(whole, place));
  return whole;
}

std::optional<Dims> view_strides(const Tensor& x, const Dims& sizes) {
  if (x.numel() == 0) return contiguous_strides(sizes);
  Dims strides(sizes.size());
  // From the innermost outwards: stretches of x that are one in memory are cut up anew.
  size_t to = sizes.size();
  int64_t base = 1;   // stride of the stretch's innermost element
  int64_t found = 1;  // elements of the stretch so far
  int64_t used = 1;   // of these, in the new dimensions
  for (size_t d = x.sizes().size(); d-- > 0;) {
    if (found == 1) base = x.strides()[d];
    found *= x.sizes()[d];
    const bool ends = d == 0 || (x.sizes()[d - 1] != 1 && x.strides()[d - 1] != found * base);
    if (!ends) continue;
    while (to > 0 && (used < found || sizes[to - 1] == 1)) {
      strides[--to] = used * base;
      used *= sizes[to];
    }
    if (used != found) return {};
    found = used = 1;
  }
  while (to > 0) strides[--to] = 1;  // sizes of 1 that are left, as of a scalar
  return strides;
}

Tensor reshaped(const Tensor& x, const Dims& sizes) {
  if (x.is_contiguous()) return view_dense(x, sizes);
  if (const auto strides = view_strides(x, sizes)) {
    return x.as_strided(sizes, *strides, x.offset());
  }
  return view_dense(raw::clone(x), sizes);
}

}  // namespace nw::ops
