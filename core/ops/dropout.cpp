#include "core/ops/dropout.h"

#include <algorithm>
#include <cmath>

#include "core/autograd/in_place.h"
#include "core/autograd/record.h"
#include "core/backend/activation_kernels.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

enum class Unit : uint8_t { Element, Channel };

/// 1 where x keeps its numbers, else 0.
Tensor draw_mask(const Tensor& x, double p, Unit unit, Generator& generator) {
  check_floating(x, "dropout");
  Dims sizes = x.sizes();
  if (unit == Unit::Channel) {
    NW_CHECK(x.dim() >= 2,
             "[dropout] of whole channels expects at least 2 dimensions (N, C), gets ",
             to_string(sizes));
    std::fill(sizes.begin() + 2, sizes.end(), 1);
  }
  const Tensor mask = new_result(sizes, x);
  kernels_of(x).bernoulli(generator, 1 - p, mask);
  return mask;
}

void check(const Tensor& x, double p) {
  NW_CHECK(x.defined(), "[dropout] expects a tensor, gets none");
  NW_CHECK(p >= 0 && p <= 1, "[dropout] p must be between 0 and 1, is ", p);
}

/// What drops everything.
Tensor nothing_of(const Tensor& x) {
  return zeros({}, x.dtype(), x.device());
}

/// The result where there is nothing to draw; else undefined.
Tensor without_draw(const Tensor& x, double p) {
  check(x, p);
  if (p == 0 || x.numel() == 0) return x;
  return p == 1 ? mul(x, nothing_of(x)) : Tensor();
}

/// mask · scale + shift, rounded once to the mask's dtype.
Tensor scaled(const Tensor& mask, double scale, double shift) {
  const Tensor out = new_alike(mask, mask.dtype());
  kernels_of(mask).affine(mask, scale, shift, out);
  return out;
}

/// A number as the dtype has it.
double rounded(double value, DType dtype) {
  return full({}, value, dtype, kCpu).item();
}

/// 1 / (1 − p). PyTorch divides a mask of x's dtype by 1 − p, which has this dtype then.
double factor_of(double p, DType dtype) {
  const double kept = rounded(1 - p, dtype);
  if (dtype == DType::Float64) return 1 / kept;
  return rounded(static_cast<double>(1.0f / static_cast<float>(kept)), dtype);
}

/// 0 where x is dropped, 1 / (1 − p) where it stays.
Tensor draw_factors(const Tensor& x, double p, Unit unit, Generator& generator) {
  return scaled(draw_mask(x, p, unit, generator), factor_of(p, x.dtype()), 0);
}

/// y = x · factors of the elements, y perhaps x itself, in one pass: gives what of them is kept.
Tensor drop_into(const Tensor& y, const Tensor& x, double p, Generator& generator) {
  const Tensor kept = empty(x.sizes(), DType::Bool, x.device());
  kernels_of(x).activation->dropout(generator, 1 - p, factor_of(p, x.dtype()), x, kept, y);
  return kept;
}

/// The gradient through drop_into().
Tensor grad_through(const Tensor& kept, const Tensor& grad, double p) {
  const Tensor dense = raw::contiguous(grad);
  const Tensor grad_x = new_result(grad.sizes(), grad);
  kernels_of(grad).activation->dropout_grad(dense, kept, factor_of(p, grad.dtype()), grad_x);
  return grad_x;
}

/// Of row-major x, whose elements lie in the order in which they are drawn.
Tensor drop_elements(const Tensor& x, double p, Generator& generator) {
  const Tensor y = new_result(x.sizes(), x);
  const Tensor kept = drop_into(y, x, p, generator);
  if (autograd::needs_record(x)) {
    autograd::record("dropout", y, std::array{x}, std::array{kept},
                     [p](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                         const std::array<Tensor, 1>& saved) {
                       grad_inputs[0] = grad_through(saved[0], grads[0], p);
                     });
  }
  return y;
}

Tensor drop(const Tensor& x, double p, Unit unit, Generator& generator) {
  if (const Tensor same = without_draw(x, p)) return same;
  if (unit == Unit::Element && x.is_contiguous()) {
    check_floating(x, "dropout");
    return drop_elements(x, p, generator);
  }
  return mul(x, draw_factors(x, p, unit, generator));
}

/// x = x · factors, which broadcast and want no gradient: they are all that backward keeps.
void scale_(const Tensor& x, const Tensor& factors) {
  const bool recording = autograd::needs_record(x);
  const Tensor wide = raw::expand(factors, x.sizes());
  if (is_dense_in_some_order(x)) {
    kernels_of(x).binary(BinaryOp::Mul, x, wide, x);
  } else {
    const Tensor result = new_result(x.sizes(), x);
    kernels_of(x).binary(BinaryOp::Mul, x, wide, result);
    kernels_of(x).copy(result, x);
  }
  if (!recording) return x.storage()->bump_version();
  autograd::record_in_place(
      "dropout", std::array{x}, std::array{factors},
      [](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
         const std::array<Tensor, 1>& saved) { grad_inputs[0] = mul(grads[0], saved[0]); });
}

/// The same in place.
void drop_elements_(const Tensor& x, double p, Generator& generator) {
  const bool recording = autograd::needs_record(x);
  const Tensor kept = drop_into(x, x, p, generator);
  if (!recording) return x.storage()->bump_version();
  autograd::record_in_place("dropout", std::array{x}, std::array{kept},
                            [p](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                                const std::array<Tensor, 1>& saved) {
                              grad_inputs[0] = grad_through(saved[0], grads[0], p);
                            });
}

Tensor drop_(const Tensor& x, double p, Unit unit, Generator& generator) {
  check(x, p);
  if (p == 0 || x.numel() == 0) return x;
  autograd::check_in_place("dropout", x, autograd::needs_record(x));
  if (unit == Unit::Element && p < 1 && x.is_contiguous()) {
    check_floating(x, "dropout");
    drop_elements_(x, p, generator);
    return x;
  }
  scale_(x, p == 1 ? nothing_of(x) : draw_factors(x, p, unit, generator));
  return x;
}

Tensor drop_alpha(const Tensor& x, double p, Unit unit, Generator& generator) {
  if (const Tensor same = without_draw(x, p)) return same;
  constexpr double kAlpha = 1.7580993408473766;  // −SELU's least value
  const double a = 1 / std::sqrt((kAlpha * kAlpha * p + 1) * (1 - p));
  const Tensor mask = draw_mask(x, p, unit, generator);
  return add(mul(x, scaled(mask, a, 0)), scaled(mask, kAlpha * a, kAlpha * a * (p - 1)));
}

}  // namespace

Tensor dropout(const Tensor& x, double p, Generator& generator) {
  return drop(x, p, Unit::Element, generator);
}

Tensor feature_dropout(const Tensor& x, double p, Generator& generator) {
  return drop(x, p, Unit::Channel, generator);
}

Tensor dropout_(const Tensor& x, double p, Generator& generator) {
  return drop_(x, p, Unit::Element, generator);
}

Tensor feature_dropout_(const Tensor& x, double p, Generator& generator) {
  return drop_(x, p, Unit::Channel, generator);
}

Tensor alpha_dropout(const Tensor& x, double p, Generator& generator) {
  return drop_alpha(x, p, Unit::Element, generator);
}

Tensor feature_alpha_dropout(const Tensor& x, double p, Generator& generator) {
  return drop_alpha(x, p, Unit::Channel, generator);
}

}  // namespace nw::ops
