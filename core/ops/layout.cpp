#include "core/ops/layout.h"

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/checks.h"

namespace nw::ops {

bool is_channels_innermost(const Tensor& x) {
  return !x.is_contiguous() && x.is_channels_last();
}

Tensor channels_innermost(const Tensor& x) {
  if (x.is_channels_last()) return x;
  const Tensor out = new_channels_innermost(x.sizes(), x);
  kernels_of(x).copy(x, out);
  return out;
}

Tensor new_channels_innermost(const Dims& sizes, const Tensor& like) {
  return empty(Dims{numel(sizes)}, like.dtype(), like.device())
      .as_strided(sizes, channels_last_strides(sizes), 0);
}

Tensor laid_out(const Tensor& x, bool innermost) {
  return innermost ? channels_innermost(x) : raw::contiguous(x);
}

Tensor new_laid_out(const Dims& sizes, const Tensor& like, bool innermost) {
  return innermost ? new_channels_innermost(sizes, like)
                   : empty(sizes, like.dtype(), like.device());
}

}  // namespace nw::ops
