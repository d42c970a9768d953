#include "core/ops/dropout.h"

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/checks.h"

namespace nw::ops {

Tensor dropout(const Tensor& x, double p, Generator& generator) {
  check_floating(x, "Dropout");
  NW_CHECK(p >= 0 && p <= 1, "[Dropout] p must be between 0 and 1, is ", p);
  if (p == 0 || x.numel() == 0) return x;
  const Tensor kept = new_result(x.sizes(), x);
  if (p == 1) {
    raw::fill_(kept, 0);
    return mul(x, kept);
  }
  kernels_of(x).bernoulli(generator, 1 - p, kept);
  const Tensor scale = new_result(x.sizes(), x);
  // Rounded once, in x's own precision, as dividing the mask would.
  const double factor = x.dtype() == DType::Float32
                            ? static_cast<double>(1.0f / static_cast<float>(1 - p))
                            : 1 / (1 - p);
  kernels_of(x).affine(kept, factor, 0, scale);
  return mul(x, scale);
}

}  // namespace nw::ops
