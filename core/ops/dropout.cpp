#include "core/ops/dropout.h"

#include <algorithm>
#include <cmath>

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/checks.h"

namespace nw::ops {
namespace {

enum class Unit : uint8_t { Element, Channel };

/// 1 where x keeps its numbers, else 0.
Tensor draw_mask(const Tensor& x, double p, Unit unit, Generator& generator) {
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

/// x where there is nothing to draw; else undefined.
Tensor without_draw(const Tensor& x, double p) {
  check_floating(x, "dropout");
  NW_CHECK(p >= 0 && p <= 1, "[dropout] p must be between 0 and 1, is ", p);
  if (p == 0 || x.numel() == 0) return x;
  return p == 1 ? mul(x, zeros({}, x.dtype(), x.device())) : Tensor();
}

/// mask · scale + shift, rounded once to the mask's dtype.
Tensor scaled(const Tensor& mask, double scale, double shift) {
  const Tensor out = new_alike(mask, mask.dtype());
  kernels_of(mask).affine(mask, scale, shift, out);
  return out;
}

Tensor drop(const Tensor& x, double p, Unit unit, Generator& generator) {
  if (const Tensor same = without_draw(x, p)) return same;
  const Tensor mask = draw_mask(x, p, unit, generator);
  // PyTorch divides the mask by 1 − p, which has the mask's dtype then.
  const double kept = full({}, 1 - p, x.dtype(), kCpu).item();
  const double factor =
      x.dtype() == DType::Float64 ? 1 / kept : static_cast<double>(1.0f / static_cast<float>(kept));
  return mul(x, scaled(mask, factor, 0));
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

Tensor alpha_dropout(const Tensor& x, double p, Generator& generator) {
  return drop_alpha(x, p, Unit::Element, generator);
}

Tensor feature_alpha_dropout(const Tensor& x, double p, Generator& generator) {
  return drop_alpha(x, p, Unit::Channel, generator);
}

}  // namespace nw::ops
