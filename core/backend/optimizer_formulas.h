#pragma once

#include <cmath>
#include <type_traits>

#include "core/backend/optimizer_kernels.h"

// Kernels are compiled several times for different machines; nothing here may become a function
// that they share.
#define NW_FORMULA __attribute__((always_inline)) constexpr

/// What the rules of optimizer_kernels.h do to one number, or to a vector of numbers: the same text
/// for every backend. A formula is made of its rule for float or double numbers F and has
///
///     template <typename Math, typename V>
///     NW_FORMULA void apply(const V& g, V& p, V (&kept)[kMostKept]) const;
///
/// where V is F or a vector of it, and Math has root(V) and larger(V, V), in which NaN wins. g is
/// turned and decayed already. keeps(i) tells whether the rule wants kept[i] now; it leaves the
/// others alone.
namespace nw {

template <typename Rule, typename F>
struct StepFormula;

/// m and v, which Adam and its kin keep.
template <typename F>
struct AdamMoments {
  F beta1, fresh1, beta2, fresh2;

  constexpr AdamMoments(double b1, double b2)
      : beta1(static_cast<F>(b1)),
        fresh1(static_cast<F>(1 - b1)),
        beta2(static_cast<F>(b2)),
        fresh2(static_cast<F>(1 - b2)) {}
  template <typename V>
  NW_FORMULA void mean(const V& g, V& m) const {
    m = m * beta1 + g * fresh1;
  }
  template <typename V>
  NW_FORMULA void square(const V& g, V& v) const {
    v = v * beta2 + g * g * fresh2;
  }
};

template <typename F>
struct StepFormula<SgdStep, F> {
  F rate, momentum, fresh;
  bool nesterov, first;

  explicit StepFormula(const SgdStep& step)
      : rate(static_cast<F>(step.lr)),
        momentum(static_cast<F>(step.momentum)),
        fresh(static_cast<F>(1 - step.dampening)),
        nesterov(step.nesterov),
        first(step.first) {}
  NW_FORMULA bool keeps(int i) const { return i < 1 && momentum != 0; }

  template <typename Math, typename V>
  NW_FORMULA void apply(const V& g, V& p, V (&kept)[kMostKept]) const {
    if (momentum == 0) {
      p = p - g * rate;
      return;
    }
    V& b = kept[0];
    b = first ? g : b * momentum + g * fresh;
    p = p - (nesterov ? g + b * momentum : b) * rate;
  }
};

template <typename F>
struct StepFormula<AdamStep, F> {
  AdamMoments<F> moments;
  F rate, root, eps, shrink;
  bool amsgrad, shrinks;

  explicit StepFormula(const AdamStep& step)
      : moments(step.beta1, step.beta2),
        rate(static_cast<F>(step.lr / (1 - std::pow(step.beta1, static_cast<double>(step.step))))),
        root(static_cast<F>(std::sqrt(1 - std::pow(step.beta2, static_cast<double>(step.step))))),
        eps(static_cast<F>(step.eps)),
        shrink(static_cast<F>(step.shrink)),
        amsgrad(step.amsgrad),
        shrinks(step.shrink != 1) {}
  NW_FORMULA bool keeps(int i) const { return i < 2 || amsgrad; }

  template <typename Math, typename V>
  NW_FORMULA void apply(const V& g, V& p, V (&kept)[kMostKept]) const {
    if (shrinks) p = p * shrink;
    moments.mean(g, kept[0]);
    moments.square(g, kept[1]);
    if (amsgrad) kept[2] = Math::larger(kept[1], kept[2]);
    p = p - kept[0] * rate / (Math::root(amsgrad ? kept[2] : kept[1]) / root + eps);
  }
};

template <typename F>
struct StepFormula<AdamaxStep, F> {
  AdamMoments<F> moments;
  F rate, eps;

  explicit StepFormula(const AdamaxStep& step)
      : moments(step.beta1, step.beta2),
        rate(static_cast<F>(step.lr / (1 - std::pow(step.beta1, static_cast<double>(step.step))))),
        eps(static_cast<F>(step.eps)) {}
  NW_FORMULA bool keeps(int i) const { return i < 2; }

  template <typename Math, typename V>
  NW_FORMULA void apply(const V& g, V& p, V (&kept)[kMostKept]) const {
    moments.mean(g, kept[0]);
    kept[1] = Math::larger(Math::larger(g, -g) + eps, kept[1] * moments.beta2);
    p = p - kept[0] / kept[1] * rate;
  }
};

template <typename F>
struct StepFormula<NAdamStep, F> {
  AdamMoments<F> moments;
  F grad_rate, mean_rate, correction, eps;

  explicit StepFormula(const NAdamStep& step)
      : moments(step.beta1, step.beta2),
        grad_rate(static_cast<F>(step.grad_rate)),
        mean_rate(static_cast<F>(step.mean_rate)),
        correction(static_cast<F>(step.correction)),
        eps(static_cast<F>(step.eps)) {}
  NW_FORMULA bool keeps(int i) const { return i < 2; }

  template <typename Math, typename V>
  NW_FORMULA void apply(const V& g, V& p, V (&kept)[kMostKept]) const {
    moments.mean(g, kept[0]);
    moments.square(g, kept[1]);
    const V divisor = Math::root(kept[1] / correction) + eps;
    p = p - g / divisor * grad_rate - kept[0] / divisor * mean_rate;
  }
};

template <typename F>
struct StepFormula<RAdamStep, F> {
  AdamMoments<F> moments;
  F rate, eps;
  bool rectified;

  explicit StepFormula(const RAdamStep& step)
      : moments(step.beta1, step.beta2),
        rate(static_cast<F>(step.rate)),
        eps(static_cast<F>(step.eps)),
        rectified(step.rectified) {}
  NW_FORMULA bool keeps(int i) const { return i < 2; }

  template <typename Math, typename V>
  NW_FORMULA void apply(const V& g, V& p, V (&kept)[kMostKept]) const {
    moments.mean(g, kept[0]);
    moments.square(g, kept[1]);
    if (rectified) {
      p = p - kept[0] / (Math::root(kept[1]) + eps) * rate;
    } else {
      p = p - kept[0] * rate;
    }
  }
};

template <typename F>
struct StepFormula<RMSpropStep, F> {
  F rate, alpha, fresh, eps, momentum;
  bool centered;

  explicit StepFormula(const RMSpropStep& step)
      : rate(static_cast<F>(step.lr)),
        alpha(static_cast<F>(step.alpha)),
        fresh(static_cast<F>(1 - step.alpha)),
        eps(static_cast<F>(step.eps)),
        momentum(static_cast<F>(step.momentum)),
        centered(step.centered) {}
  NW_FORMULA bool keeps(int i) const { return i == 0 || (i == 1 ? momentum > 0 : centered); }

  template <typename Math, typename V>
  NW_FORMULA void apply(const V& g, V& p, V (&kept)[kMostKept]) const {
    kept[0] = kept[0] * alpha + g * g * fresh;
    V spread = kept[0];
    if (centered) {
      kept[2] = kept[2] * alpha + g * fresh;
      spread = spread - kept[2] * kept[2];
    }
    V direction = g / (Math::root(spread) + eps);
    if (momentum > 0) direction = kept[1] = kept[1] * momentum + direction;
    p = p - direction * rate;
  }
};

template <typename F>
struct StepFormula<AdagradStep, F> {
  F rate, eps;

  explicit StepFormula(const AdagradStep& step)
      : rate(static_cast<F>(step.rate)), eps(static_cast<F>(step.eps)) {}
  NW_FORMULA bool keeps(int i) const { return i < 1; }

  template <typename Math, typename V>
  NW_FORMULA void apply(const V& g, V& p, V (&kept)[kMostKept]) const {
    kept[0] = kept[0] + g * g;
    p = p - g / (Math::root(kept[0]) + eps) * rate;
  }
};

template <typename F>
struct StepFormula<AdadeltaStep, F> {
  F rate, rho, fresh, eps;

  explicit StepFormula(const AdadeltaStep& step)
      : rate(static_cast<F>(step.lr)),
        rho(static_cast<F>(step.rho)),
        fresh(static_cast<F>(1 - step.rho)),
        eps(static_cast<F>(step.eps)) {}
  NW_FORMULA bool keeps(int i) const { return i < 2; }

  template <typename Math, typename V>
  NW_FORMULA void apply(const V& g, V& p, V (&kept)[kMostKept]) const {
    kept[0] = kept[0] * rho + g * g * fresh;
    const V delta = Math::root(kept[1] + eps) / Math::root(kept[0] + eps) * g;
    kept[1] = kept[1] * rho + delta * delta * fresh;
    p = p - delta * rate;
  }
};

template <typename F>
struct StepFormula<AsgdStep, F> {
  F rate, shrink, mu;

  explicit StepFormula(const AsgdStep& step)
      : rate(static_cast<F>(step.rate)),
        shrink(static_cast<F>(step.shrink)),
        mu(static_cast<F>(step.mu)) {}
  NW_FORMULA bool keeps(int i) const { return i < 1; }

  template <typename Math, typename V>
  NW_FORMULA void apply(const V& g, V& p, V (&kept)[kMostKept]) const {
    p = p * shrink - g * rate;
    kept[0] = mu == 1 ? p : kept[0] + (p - kept[0]) * mu;
  }
};

/// All that a step by a rule needs to know, in numbers F.
template <typename Rule, typename F>
struct StepNumbers {
  StepFormula<Rule, F> formula;
  F sign, decay;  // g becomes sign · g + decay · p first

  explicit StepNumbers(const Rule& rule)
      : formula(rule),
        sign(rule.maximize ? F(-1) : F(1)),
        decay(static_cast<F>(rule.weight_decay)) {
    static_assert(sizeof(StepNumbers) <= kRuleBytes &&
                  std::is_trivially_copyable_v<StepFormula<Rule, F>>);
  }
};

/// A scale of the loss, its inverse and how many good steps there were; see update_scale().
struct LossScale {
  float scale, inverse;
  int64_t good_steps;

  NW_FORMULA void update(bool found, double growth, double backoff, int64_t interval) {
    if (found) {
      scale = static_cast<float>(scale * backoff);
      good_steps = 0;
    } else if (++good_steps == interval) {
      const auto grown = static_cast<float>(scale * growth);
      if (grown - grown == 0) scale = grown;
      good_steps = 0;
    }
    inverse = static_cast<float>(1 / static_cast<double>(scale));
  }
};

}  // namespace nw

#undef NW_FORMULA
