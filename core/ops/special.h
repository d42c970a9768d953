#pragma once

#include <optional>

#include "core/ops/reduction.h"

/// Functions of numbers that other ops make up, with care for the ends of their range. Whole
/// numbers and bool count as float32 unless a line says otherwise. The names and rules are torch's.
namespace nw::ops {

/// 2ˣ
Tensor exp2(const Tensor& x);
/// ln(x / (1 − x)) of x from 0 to 1, or of x held between eps and 1 − eps; real.
Tensor logit(const Tensor& x, std::optional<double> eps = {});
/// x · ln y, 0 where x is 0 and y a number; both broadcast and are promoted; real.
Tensor xlogy(const Tensor& x, const Tensor& y);
/// ln(eᵃ + eᵇ) without overflow; both broadcast; floating point.
Tensor logaddexp(const Tensor& a, const Tensor& b);
/// x with numbers in the place of NaN, ∞ and −∞: by default the largest and least of the dtype.
/// Whole numbers stay as they are.
Tensor nan_to_num(const Tensor& x, double nan = 0, std::optional<double> positive_infinity = {},
                  std::optional<double> negative_infinity = {});

/// Sums and means of the numbers that are not NaN; the sum of whole numbers in int64, the mean of
/// floating point. The mean of no number is NaN.
Tensor nansum(const Tensor& x, const Dims& dims = {}, Keep keep = Keep::No);
Tensor nanmean(const Tensor& x, const Dims& dims = {}, Keep keep = Keep::No);

/// Whether |a − b| ≤ absolute + relative · |b|, as bool; equal infinities are close, NaN to NaN
/// never. Both broadcast and have one dtype.
Tensor isclose(const Tensor& a, const Tensor& b, double relative = 1e-5, double absolute = 1e-8);
/// Whether all are; on the CPU.
bool allclose(const Tensor& a, const Tensor& b, double relative = 1e-5, double absolute = 1e-8);

}  // namespace nw::ops
