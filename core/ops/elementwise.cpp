#include "core/ops/elementwise.h"

#include <cmath>
#include <numbers>

#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/broadcast.h"
#include "core/ops/checks.h"
#include "core/ops/comparison.h"
#include "core/ops/promotion.h"

namespace nw::ops {
namespace {

using autograd::needs_record;
using autograd::Node;
using autograd::record;

void check_real(const Tensor& x, std::string_view op) {
  NW_CHECK(!is_complex(x.dtype()), "[", op, "] expects real numbers, gets ", name(x.dtype()));
}

/// y = f(x) with `backward(grad, x)`.
template <typename Backward>
Tensor by_input(UnaryOp op, std::string_view name, const Tensor& given, Backward backward) {
  const Tensor x = to_inexact(given);
  const Tensor y = unary_raw(op, x);
  if (needs_record(x)) {
    record(name, y, std::array{x}, std::array{x},
           [backward](const Node&, const Tensors& grads, Tensors& grad_inputs,
                      const std::array<Tensor, 1>& saved) {
             grad_inputs[0] = backward(grads[0], saved[0]);
           });
  }
  return y;
}

/// y = f(x) with `backward(grad, y)`.
template <typename Backward>
Tensor by_output(UnaryOp op, std::string_view name, const Tensor& given, Backward backward) {
  const Tensor x = to_inexact(given);
  const Tensor y = unary_raw(op, x);
  if (needs_record(x)) {
    record(name, y, std::array{x}, std::array{y},
           [backward](const Node&, const Tensors& grads, Tensors& grad_inputs,
                      const std::array<Tensor, 1>& saved) {
             grad_inputs[0] = backward(grads[0], saved[0]);
           });
  }
  return y;
}

/// A step function of real or whole numbers: its gradient is 0.
Tensor step(UnaryOp op, std::string_view name, const Tensor& x) {
  check_real(x, name);
  NW_CHECK(x.dtype() != DType::Bool || op == UnaryOp::Sign, "[", name,
           "] expects numbers, gets bool");
  if (is_whole(x.dtype()) && op != UnaryOp::Sign) return raw::clone(x);
  const Tensor y = unary_raw(op, x);
  if (needs_record(x)) {
    record(name, y, std::array{x}, std::array<Tensor, 0>{},
           [](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
             grad_inputs[0] = zeros(grads[0].sizes(), grads[0].dtype(), grads[0].device());
           });
  }
  return y;
}

}  // namespace

Tensor exp(const Tensor& x) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, exp, x)) return *cast;
  return by_output(UnaryOp::Exp, "exp", x,
                   [](const Tensor& grad, const Tensor& y) { return mul(grad, conj(y)); });
}

Tensor expm1(const Tensor& x) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, expm1, x)) return *cast;
  check_real(x, "expm1");
  return by_output(UnaryOp::Expm1, "expm1", x,
                   [](const Tensor& grad, const Tensor& y) { return mul(grad, add(y, 1)); });
}

Tensor log1p(const Tensor& given) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, log1p, given)) return *cast;
  check_real(given, "log1p");
  return by_input(UnaryOp::Log1p, "log1p", given,
                  [](const Tensor& grad, const Tensor& x) { return div(grad, add(x, 1)); });
}

Tensor log(const Tensor& given) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, log, given)) return *cast;
  return by_input(UnaryOp::Log, "log", given,
                  [](const Tensor& grad, const Tensor& x) { return div(grad, conj(x)); });
}

Tensor log2(const Tensor& given) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, log2, given)) return *cast;
  return by_input(UnaryOp::Log2, "log2", given, [](const Tensor& grad, const Tensor& x) {
    return div(grad, mul(conj(x), std::numbers::ln2));
  });
}

Tensor log10(const Tensor& given) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, log10, given)) return *cast;
  return by_input(UnaryOp::Log10, "log10", given, [](const Tensor& grad, const Tensor& x) {
    return div(grad, mul(conj(x), std::numbers::ln10));
  });
}

Tensor sqrt(const Tensor& x) {
  return by_output(UnaryOp::Sqrt, "sqrt", x,
                   [](const Tensor& grad, const Tensor& y) { return div(grad, mul(conj(y), 2)); });
}

Tensor rsqrt(const Tensor& x) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, rsqrt, x)) return *cast;
  return by_output(UnaryOp::Rsqrt, "rsqrt", x, [](const Tensor& grad, const Tensor& y) {
    return mul(mul(grad, conj(mul(square(y), y))), -0.5);
  });
}

Tensor reciprocal(const Tensor& x) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, reciprocal, x)) return *cast;
  return by_output(UnaryOp::Reciprocal, "reciprocal", x, [](const Tensor& grad, const Tensor& y) {
    return mul(neg(grad), conj(square(y)));
  });
}

Tensor sin(const Tensor& given) {
  return by_input(UnaryOp::Sin, "sin", given,
                  [](const Tensor& grad, const Tensor& x) { return mul(grad, conj(cos(x))); });
}

Tensor cos(const Tensor& given) {
  return by_input(UnaryOp::Cos, "cos", given,
                  [](const Tensor& grad, const Tensor& x) { return mul(grad, neg(conj(sin(x)))); });
}

Tensor tan(const Tensor& x) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, tan, x)) return *cast;
  return by_output(UnaryOp::Tan, "tan", x, [](const Tensor& grad, const Tensor& y) {
    return mul(grad, conj(add(square(y), 1)));
  });
}

Tensor asin(const Tensor& given) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, asin, given)) return *cast;
  return by_input(UnaryOp::Asin, "asin", given, [](const Tensor& grad, const Tensor& x) {
    return mul(grad, conj(rsqrt(sub(1, square(x)))));
  });
}

Tensor acos(const Tensor& given) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, acos, given)) return *cast;
  return by_input(UnaryOp::Acos, "acos", given, [](const Tensor& grad, const Tensor& x) {
    return mul(grad, neg(conj(rsqrt(sub(1, square(x))))));
  });
}

Tensor atan(const Tensor& given) {
  return by_input(UnaryOp::Atan, "atan", given, [](const Tensor& grad, const Tensor& x) {
    return div(grad, conj(add(square(x), 1)));
  });
}

Tensor sinh(const Tensor& given) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, sinh, given)) return *cast;
  return by_input(UnaryOp::Sinh, "sinh", given,
                  [](const Tensor& grad, const Tensor& x) { return mul(grad, conj(cosh(x))); });
}

Tensor cosh(const Tensor& given) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, cosh, given)) return *cast;
  return by_input(UnaryOp::Cosh, "cosh", given,
                  [](const Tensor& grad, const Tensor& x) { return mul(grad, conj(sinh(x))); });
}

Tensor asinh(const Tensor& given) {
  return by_input(UnaryOp::Asinh, "asinh", given, [](const Tensor& grad, const Tensor& x) {
    return mul(grad, conj(rsqrt(add(square(x), 1))));
  });
}

Tensor acosh(const Tensor& given) {
  return by_input(UnaryOp::Acosh, "acosh", given, [](const Tensor& grad, const Tensor& x) {
    return mul(grad, conj(rsqrt(sub(square(x), 1))));
  });
}

Tensor atanh(const Tensor& given) {
  return by_input(UnaryOp::Atanh, "atanh", given, [](const Tensor& grad, const Tensor& x) {
    return div(grad, conj(sub(1, square(x))));
  });
}

Tensor erf(const Tensor& given) {
  check_real(given, "erf");
  return by_input(UnaryOp::Erf, "erf", given, [](const Tensor& grad, const Tensor& x) {
    return mul(mul(exp(neg(square(x))), 2 * std::numbers::inv_sqrtpi), grad);
  });
}

Tensor erfc(const Tensor& given) {
  check_real(given, "erfc");
  return by_input(UnaryOp::Erfc, "erfc", given, [](const Tensor& grad, const Tensor& x) {
    return mul(mul(exp(neg(square(x))), -2 * std::numbers::inv_sqrtpi), grad);
  });
}

Tensor erfinv(const Tensor& x) {
  if (const auto cast = autocast::run(autocast::kFloat32OnGpu, erfinv, x)) return *cast;
  check_real(x, "erfinv");
  return by_input(UnaryOp::Erfinv, "erfinv", x, [](const Tensor& grad, const Tensor& old) {
    return mul(mul(exp(square(erfinv(old))), std::sqrt(std::numbers::pi) / 2), grad);
  });
}

Tensor square(const Tensor& given) {
  const Tensor x = given.dtype() == DType::Bool ? to(given, DType::Int64) : given;
  const Tensor y = unary_raw(UnaryOp::Square, x);
  if (needs_record(x)) {
    record("square", y, std::array{x}, std::array{x},
           [](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             grad_inputs[0] = mul(grads[0], conj(mul(saved[0], 2)));
           });
  }
  return y;
}

Tensor abs(const Tensor& x) {
  NW_CHECK(x.dtype() != DType::Bool, "[abs] expects numbers, gets bool");
  const Tensor y = unary_raw(UnaryOp::Abs, x, real_of(x.dtype()));
  if (needs_record(x)) {
    record("abs", y, std::array{x}, std::array{x},
           [](const Node&, const Tensors& grads, Tensors& grad_inputs, const auto& saved) {
             grad_inputs[0] = mul(grads[0], unary_raw(UnaryOp::Sign, saved[0]));
           });
  }
  return y;
}

Tensor sign(const Tensor& x) {
  return step(UnaryOp::Sign, "sign", x);
}

Tensor sgn(const Tensor& x) {
  if (!is_complex(x.dtype())) return sign(x);
  return by_input(UnaryOp::Sign, "sgn", x, [](const Tensor& grad, const Tensor& z) {
    // The part of the gradient across the direction of z, divided by |z|.
    const Tensor direction = unary_raw(UnaryOp::Sign, z);
    const Tensor along = mul(direction, real(mul(grad, conj(direction))));
    const Tensor size = unary_raw(UnaryOp::Abs, z, real_of(z.dtype()));
    return where(eq(size, 0), 0, div(sub(grad, along), size));
  });
}

Tensor floor(const Tensor& x) {
  return step(UnaryOp::Floor, "floor", x);
}
Tensor ceil(const Tensor& x) {
  return step(UnaryOp::Ceil, "ceil", x);
}
Tensor round(const Tensor& x) {
  return step(UnaryOp::Round, "round", x);
}
Tensor trunc(const Tensor& x) {
  return step(UnaryOp::Trunc, "trunc", x);
}

Tensor frac(const Tensor& x) {
  check_floating(x, "frac");
  return by_input(UnaryOp::Frac, "frac", x, [](const Tensor& grad, const Tensor&) { return grad; });
}

}  // namespace nw::ops
