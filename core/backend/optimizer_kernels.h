#pragma once

#include <cstdint>
#include <span>
#include <variant>

#include "core/tensor/tensor.h"

namespace nw {

// The rules by which optimisers change a number p by its gradient g. Before each of them g becomes
// ±g (minus to maximise) + weight_decay · p. What a rule keeps beside p is named in its order.

/// Keeps b, with momentum only: b = g at first, then momentum·b + (1 − dampening)·g; p −= lr·b,
/// with nesterov lr·(g + momentum·b), without momentum lr·g.
struct SgdStep {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize, first;  // first: the momentum is still empty
  bool operator==(const SgdStep&) const = default;
};

/// Keeps m, v and, with amsgrad, the largest v: m = β₁m + (1 − β₁)g; v = β₂v + (1 − β₂)g²; p =
/// p·shrink − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + eps).
struct AdamStep {
  double lr, beta1, beta2, eps, weight_decay;
  bool amsgrad, maximize;
  int64_t step;       // t, 1 for the first
  double shrink = 1;  // AdamW's decay, before g is looked at
  bool operator==(const AdamStep&) const = default;
};

/// Keeps m as Adam and u = max(β₂u, |g| + eps): p −= lr/(1 − β₁ᵗ) · m/u.
struct AdamaxStep {
  double lr, beta1, beta2, eps, weight_decay;
  bool maximize;
  int64_t step;
  bool operator==(const AdamaxStep&) const = default;
};

/// Keeps m and v as Adam: p −= (grad_rate·g + mean_rate·m) / (√(v/correction) + eps).
struct NAdamStep {
  double beta1, beta2, eps, weight_decay;
  double grad_rate, mean_rate, correction;
  bool maximize = false;
  bool operator==(const NAdamStep&) const = default;
};

/// Keeps m and v as Adam: p −= rate·m, or rate·m/(√v + eps) when rectified.
struct RAdamStep {
  double beta1, beta2, eps, weight_decay;
  double rate;
  bool rectified;
  bool maximize = false;
  bool operator==(const RAdamStep&) const = default;
};

/// Keeps v, with momentum b, and centered a: v = αv + (1 − α)g²; a = αa + (1 − α)g; d = g / (√(v −
/// a²) + eps); b = momentum·b + d; p −= lr·b, or lr·d without momentum.
struct RMSpropStep {
  double lr, alpha, eps, weight_decay, momentum;
  bool centered, maximize;
  bool operator==(const RMSpropStep&) const = default;
};

/// Keeps s: s += g²; p −= rate·g/(√s + eps).
struct AdagradStep {
  double rate, eps, weight_decay;
  bool maximize;
  bool operator==(const AdagradStep&) const = default;
};

/// Keeps v and u: v = ρv + (1 − ρ)g²; d = √(u + eps)/√(v + eps)·g; u = ρu + (1 − ρ)d²; p −= lr·d.
struct AdadeltaStep {
  double lr, rho, eps, weight_decay;
  bool maximize;
  bool operator==(const AdadeltaStep&) const = default;
};

/// Keeps a: p = p·shrink − rate·g; a += (p − a)·mu, and a = p for mu = 1.
struct AsgdStep {
  double rate, shrink, mu, weight_decay;
  bool maximize;
  bool operator==(const AsgdStep&) const = default;
};

using StepRule = std::variant<SgdStep, AdamStep, AdamaxStep, NAdamStep, RAdamStep, RMSpropStep,
                              AdagradStep, AdadeltaStep, AsgdStep>;

/// How many tensors a rule may keep for a parameter.
inline constexpr size_t kMostKept = 3;

/// Room for the numbers of any rule in a device's memory (StepNumbers of optimizer_formulas.h).
inline constexpr size_t kRuleBytes = 128;

/// What is done to many tensors at once. Each is dense in memory, floating point, and of any size;
/// tensors that stand at the same place of several lists are alike.
struct OptimizerKernels {
  /// One step on all params, in place. first, second and third are what the rule keeps; a list that
  /// it does not need now is empty.
  void (*step)(const StepRule& rule, std::span<const Tensor> grads, std::span<const Tensor> params,
               std::span<const Tensor> first, std::span<const Tensor> second,
               std::span<const Tensor> third);
  /// The same by a rule whose numbers are read when the work is done, and may change between the
  /// replays of a recording: `numbers` (kRuleBytes, uint8, on the device) are the StepNumbers of a
  /// rule of the kind of `kind`, in float32 for parameters of 16 bits. Does nothing where `skip`
  /// (scalar, float32, or undefined) is not 0 then.
  void (*step_by)(const StepRule& kind, const Tensor& numbers, const Tensor& skip,
                  std::span<const Tensor> grads, std::span<const Tensor> params,
                  std::span<const Tensor> first, std::span<const Tensor> second,
                  std::span<const Tensor> third);
  /// out (n), of the n tensors' common dtype = (Σ |x|^p)^(1/p) of each; for p = 0 how many are not
  /// 0, for p = ±∞ the largest or smallest |x|; 0 for an empty one
  void (*norms)(double p, std::span<const Tensor> tensors, const Tensor& out);
  /// Each tensor becomes itself · factor
  void (*scale)(double factor, std::span<const Tensor> tensors);
  /// Each becomes itself · factor (scalar, float32 or float64); found (scalar, float32, or
  /// undefined) becomes 1 where a number was infinite or none before, and stays as it is otherwise
  void (*scale_by)(std::span<const Tensor> tensors, const Tensor& factor, const Tensor& found);
  /// What the scale of a loss becomes after a step: smaller by `backoff` where found is not 0, else
  /// larger by `growth` after `interval` good steps in a row, unless it would be infinite. scale
  /// and inverse = 1 / scale are float32 scalars, good_steps counts in int64. Source:
  /// torch._amp_update_scale_.
  void (*update_scale)(const Tensor& found, double growth, double backoff, int64_t interval,
                       const Tensor& scale, const Tensor& inverse, const Tensor& good_steps);
};

}  // namespace nw
