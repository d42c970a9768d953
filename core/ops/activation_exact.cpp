#include "core/ops/activation_exact.h"

#include "core/backend/creation.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/comparison.h"
#include "core/ops/elementwise.h"

namespace nw::ops {

bool is_whole(const Tensor& x) {
  return x.defined() && !is_floating(x.dtype()) && !is_complex(x.dtype()) &&
         x.dtype() != DType::Bool;
}

Tensor whole_hardtanh(const Tensor& x, double least, double most) {
  NW_CHECK(x.dtype() != DType::UInt8 || (least >= 0 && most >= 0),
           "[Hardtanh] of unsigned numbers expects limits of at least 0, gets ", least, " and ",
           most);
  return clamp(x, Scalar(static_cast<int64_t>(least)), Scalar(static_cast<int64_t>(most)));
}

Tensor whole_threshold(const Tensor& x, double limit, double value) {
  const auto cut = [](double number) { return Scalar(static_cast<int64_t>(number)); };
  return where(gt(x, cut(limit)), x, full({}, cut(value), x.dtype(), x.device()));
}

Tensor composed_softsign(const Tensor& x) {
  return div(x, add(abs(x), Scalar(int64_t{1})));
}

Tensor composed_tanhshrink(const Tensor& x) {
  return sub(x, tanh(x));
}

Tensor composed_silu(const Tensor& x) {
  return mul(x, sigmoid(x));
}

}  // namespace nw::ops
