#include "core/ops/elements.h"

#include "core/base/error.h"
#include "core/tensor/half.h"

namespace nw::ops::elements {

ElementOp celu(double alpha) {
  NW_CHECK(alpha != 0, "[CELU] alpha cannot be 0");
  ElementOp op = of({ActivationKind::Elu, alpha, 1, 1 / alpha});
  // PyTorch rounds 1/alpha to float32 in the derivative.
  op.slope.c = 1 / static_cast<double>(static_cast<float>(alpha));
  return op;
}

double rounded_limit(DType dtype, double limit) {
  if (!is_half(dtype)) return limit;
  const auto near = static_cast<float>(limit);
  return dtype == DType::BFloat16 ? static_cast<double>(static_cast<float>(BFloat16::from(near)))
                                  : static_cast<double>(static_cast<Half>(near));
}

ElementOp threshold(double limit, double value, DType dtype) {
  return of({ActivationKind::Threshold, rounded_limit(dtype, limit), value});
}

ElementOp hardshrink(double limit, DType dtype) {
  return of({ActivationKind::Hardshrink, rounded_limit(dtype, limit)});
}

ElementOp softshrink(double limit, DType dtype) {
  NW_CHECK(limit >= 0, "[Softshrink] lambd cannot be negative, is ", limit);
  ElementOp op = of({ActivationKind::Softshrink, limit});
  op.slope.a = rounded_limit(dtype, limit);
  return op;
}

}  // namespace nw::ops::elements
