#include "core/ops/special.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/creation.h"
#include "core/ops/elementwise.h"
#include "core/ops/promotion.h"

namespace nw::ops {
namespace {

void check_real(const Tensor& x, std::string_view op) {
  NW_CHECK(!is_complex(x.dtype()), "[", op, "] expects real numbers, gets ", name(x.dtype()));
}

/// The largest number that the dtype has.
double largest_of(DType dtype) {
  switch (dtype) {
    case DType::Float64:
      return std::numeric_limits<double>::max();
    case DType::Float16:
      return 65504;
    case DType::BFloat16:
      return 0x1.FEp127;
    default:
      return std::numeric_limits<float>::max();
  }
}

}  // namespace

Tensor exp2(const Tensor& given) {
  const Tensor x = to_inexact(given);
  const Tensor y = pow(Scalar(2.0), x.detach());
  if (autograd::needs_record(x)) {
    autograd::record(
        "exp2", y, std::array{x}, std::array{y},
        [](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
          grad_inputs[0] = mul(mul(grads[0], conj(saved[0])), std::numbers::ln2);
        });
  }
  return y;
}

Tensor logit(const Tensor& given, std::optional<double> eps) {
  check_real(given, "logit");
  const Tensor x = to_inexact(given);
  const Tensor held = eps ? clamp(x, *eps, 1 - *eps) : x;
  return log(div(held, sub(1, held)));
}

Tensor xlogy(const Tensor& given_x, const Tensor& given_y) {
  check_real(given_x, "xlogy");
  check_real(given_y, "xlogy");
  const DType common = result_type(given_x, given_y);
  const Tensor x = to_inexact(to(given_x, common));
  const Tensor y = to_inexact(to(given_y, common));
  const Tensor counts_not = logical_and(eq(x, 0), logical_not(isnan(y)));
  // There y has no part, lest the slope of its logarithm at 0 come in.
  return where(counts_not, mul(x, 0), mul(x, log(where(counts_not, 1, y))));
}

Tensor logaddexp(const Tensor& given_a, const Tensor& given_b) {
  const DType common = result_type(given_a, given_b);
  NW_CHECK(is_floating(common), "[logaddexp] expects floating-point numbers, gets ", name(common));
  const Tensor a = to(given_a, common);
  const Tensor b = to(given_b, common);
  const Tensor largest = maximum(a.detach(), b.detach());
  const Tensor shift = where(isinf(largest), 0, largest);
  return add(log(add(exp(sub(a, shift)), exp(sub(b, shift)))), shift);
}

Tensor nan_to_num(const Tensor& x, double nan, std::optional<double> positive_infinity,
                  std::optional<double> negative_infinity) {
  check_real(x, "nan_to_num");
  if (!is_floating(x.dtype())) return raw::clone(x);
  const double largest = largest_of(x.dtype());
  const double infinity = std::numeric_limits<double>::infinity();
  Tensor out = where(isnan(x), nan, x);
  out = where(eq(x, infinity), positive_infinity.value_or(largest), out);
  return where(eq(x, -infinity), negative_infinity.value_or(-largest), out);
}

Tensor nansum(const Tensor& x, const Dims& dims, Keep keep) {
  check_real(x, "nansum");
  return is_floating(x.dtype()) ? sum(where(isnan(x), 0, x), dims, keep) : sum(x, dims, keep);
}

Tensor nanmean(const Tensor& x, const Dims& dims, Keep keep) {
  check_floating(x, "nanmean");
  const Tensor count = sum(logical_not(isnan(x)), dims, keep);
  return div(nansum(x, dims, keep), to(count, x.dtype()));
}

Tensor isclose(const Tensor& a, const Tensor& b, double relative, double absolute) {
  NW_CHECK(a.dtype() == b.dtype(), "[isclose] expects tensors of one dtype, gets ", name(a.dtype()),
           " and ", name(b.dtype()));
  NW_CHECK(relative >= 0 && absolute >= 0, "[isclose] the tolerances cannot be negative, are ",
           relative, " and ", absolute);
  const Tensor same = eq(a, b);
  if (relative == 0 && absolute == 0) return same;
  const bool exact = is_floating(a.dtype()) || is_complex(a.dtype());
  const Tensor x = exact ? a.detach() : raw::to(a, DType::Float64);
  const Tensor y = exact ? b.detach() : raw::to(b, DType::Float64);
  const Tensor distance = abs(sub(x, y));
  const Tensor near = le(distance, add(mul(abs(y), relative), absolute));
  return logical_or(same, logical_and(isfinite(distance), near));
}

bool allclose(const Tensor& a, const Tensor& b, double relative, double absolute) {
  return all(isclose(a, b, relative, absolute)).item() != 0;
}

}  // namespace nw::ops
