#pragma once

#include <cstdint>
#include <string_view>

#include "core/backend/kernel_types.h"
#include "core/tensor/tensor.h"

namespace nw {

/// Which sequence of classes each of N samples of connectionist temporal classification wants after
/// how many steps; all int64, dense.
struct CtcTargets {
  Tensor classes;  // (N, S), of which each sample takes the first, or (sum of lengths) in one row
  Tensor input_lengths;   // (N)
  Tensor target_lengths;  // (N)
  int64_t blank = 0;
};

/// Losses of two numbers, with PyTorch's slopes where they bend.
enum class PointwiseLoss : uint8_t {
  /// −(t·max(log x, −100) + (1 − t)·max(log(1 − x), −100)), slope (x − t) / max(x·(1 − x), 1e-12);
  /// every x is from 0 to 1
  BinaryCrossEntropy,
  BinaryLogits,  // the same of σ(x): (1 − t)·x + log(1 + e^−x), whatever x is
  SmoothL1,  // z = |x − t|: z²/2β below β (the parameter), else z − β/2; slope −1 for z = β = 0
  Huber,       // z²/2 up to δ (the parameter), else δ·(z − δ/2)
  SoftMargin,  // log(1 + e^(−t·x))
};

/// Losses that are no composition of elementwise ops. Dense row-major, floating point; the kernels
/// check what only the numbers tell and throw Error.
struct LossKernels {
  /// out = the loss of each x and target, all of one size. Throws Error where a kind asks for more
  /// of x than x has.
  void (*pointwise)(PointwiseLoss kind, double parameter, const Tensor& x, const Tensor& target,
                    const Tensor& out);
  /// grad_x = grad · d loss / d x
  void (*pointwise_grad)(PointwiseLoss kind, double parameter, const Tensor& grad, const Tensor& x,
                         const Tensor& target, const Tensor& grad_x);

  /// log_probs (T, N, C) -> losses (N) = −log P(target), alphas (N, T, 2·S + 1): log of what all
  /// beginnings of the sequence with blanks in between have gathered; S is the most classes that a
  /// sample has room for. Throws Error for lengths that do not fit and for what is no class.
  void (*ctc)(const Tensor& log_probs, const CtcTargets& targets, const Tensor& losses,
              const Tensor& alphas);
  /// grad (N) -> grad_log_probs, as if a log_softmax stood before: (e^log_probs − share of each
  /// class)·grad; with zero_infinity 0 where the loss is infinite
  void (*ctc_grad)(const Tensor& grad, const Tensor& log_probs, const CtcTargets& targets,
                   const Tensor& losses, const Tensor& alphas, bool zero_infinity,
                   const Tensor& grad_log_probs);

  /// x (rows, C), target int64 (rows), weight (C) or undefined -> out (rows) =
  /// Σ over j ≠ t of w[t]·max(0, margin − x[t] + x[j])^power / C; power is 1 or 2. Throws Error for
  /// a target outside 0 … C−1, or without a weight.
  void (*multi_margin)(const Tensor& x, const Tensor& target, const Tensor& weight, int power,
                       double margin, const Tensor& out);
  void (*multi_margin_grad)(const Tensor& grad, const Tensor& x, const Tensor& target,
                            const Tensor& weight, int power, double margin, const Tensor& grad_x);
  /// x (rows, C), target int64 (rows, C), whose classes end at the first −1 -> out (rows) =
  /// Σ over wanted t and unwanted j of max(0, 1 − x[t] + x[j]) / C. Throws Error for a target
  /// outside −1 … C−1.
  void (*multi_label_margin)(const Tensor& x, const Tensor& target, const Tensor& out);
  void (*multi_label_margin_grad)(const Tensor& grad, const Tensor& x, const Tensor& target,
                                  const Tensor& grad_x);

  /// x (rows, C) -> out (rows): (Σ |x|^p)^(1/p); for p = 0 how many are not 0, for p = ±∞ the
  /// largest or smallest |x|
  void (*row_norm)(const Tensor& x, double p, const Tensor& out);
  /// 0 where the norm has no slope; the extremes of p = ±∞ share the gradient
  void (*row_norm_grad)(const Tensor& grad, const Tensor& x, double p, const Tensor& norm,
                        const Tensor& grad_x);

  /// Throws Error, `text` and the number, if one of x is below 0.
  void (*check_not_negative)(const Tensor& x, std::string_view text);
};

}  // namespace nw
