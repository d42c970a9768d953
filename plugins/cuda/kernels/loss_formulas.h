#pragma once

#include "core/backend/loss_kernels.h"
#include "plugins/cuda/kernels/elementwise_formulas.h"

/// Losses of two numbers and the slopes of norms; core/backend/loss_kernels.h says what each is.
namespace nw::cuda {

/// NaN stays NaN.
template <typename F>
NW_BOTH F not_below(F x, F limit) {
  return x < limit ? limit : x;
}

template <typename F>
NW_BOTH F loss_of(PointwiseLoss kind, F parameter, F x, F t) {
  switch (kind) {
    case PointwiseLoss::BinaryCrossEntropy: {
      const F yes = not_below(std::log(x), F(-100));
      const F no = not_below(std::log1p(-x), F(-100));
      return (t - 1) * no - t * yes;
    }
    case PointwiseLoss::BinaryLogits:
      return (1 - t) * x + std::log1p(std::exp(-std::fabs(x))) + not_below(-x, F(0));
    case PointwiseLoss::SmoothL1: {
      const F z = std::fabs(x - t);
      return z < parameter ? z * z / 2 / parameter : z - parameter / 2;
    }
    case PointwiseLoss::Huber: {
      const F z = std::fabs(x - t);
      return z <= parameter ? z * z / 2 : parameter * (z - parameter / 2);
    }
    case PointwiseLoss::SoftMargin:
      return std::log1p(std::exp(-t * x));
  }
  return not_a_number<F>();
}

/// d loss / d x
template <typename F>
NW_BOTH F loss_slope_of(PointwiseLoss kind, F parameter, F x, F t) {
  switch (kind) {
    case PointwiseLoss::BinaryCrossEntropy:
      return (x - t) / not_below((1 - x) * x, F(1e-12));
    case PointwiseLoss::BinaryLogits:
      return sigmoid(x) - t;
    case PointwiseLoss::SmoothL1: {
      const F z = x - t;
      return z <= -parameter ? F(-1) : z >= parameter ? F(1) : z / parameter;
    }
    case PointwiseLoss::Huber: {
      const F z = x - t;
      return z <= -parameter ? -parameter : z >= parameter ? parameter : z;
    }
    case PointwiseLoss::SoftMargin: {
      const F e = std::exp(-t * x);
      return -t * e / (e + 1);
    }
  }
  return not_a_number<F>();
}

template <typename F>
NW_BOTH F sign_of(F x) {
  return static_cast<F>((x > 0) - (x < 0));
}

/// d (Σ |x|^p)^(1/p) / d x for finite p
template <typename F>
NW_BOTH F norm_slope_of(F x, double p, F norm) {
  if (p == 1) return sign_of(x);
  if (p == 0 || norm == 0) return 0;
  if (p == 2) return x / norm;
  if (p < 1 && x == 0) return 0;
  return sign_of(x) * std::pow(std::fabs(x) / norm, static_cast<F>(p - 1));
}

}  // namespace nw::cuda
