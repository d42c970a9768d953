#pragma once

#include "core/tensor/tensor.h"

namespace nw::ops {

enum class Reduction : uint8_t { None, Mean, Sum };

// Targets of the losses below may be whole numbers where no other dtype is named.

struct CrossEntropyOptions {
  Tensor weight = {};  // (C), or undefined
  int64_t ignore_index = -100;
  Reduction reduction = Reduction::Mean;
  double label_smoothing = 0.0;
};

/// −log softmax(x)[target]: x (N, C, d…) or (C), target int64 (N, d…) or scalar, or probabilities
/// of x's sizes -> scalar, or (N, d…) without reduction. The weighted mean divides by the weights
/// of the kept targets; with probabilities by N·d…. Throws Error for a class outside 0 … C−1.
/// Source: torch.nn.functional.cross_entropy.
Tensor cross_entropy(const Tensor& x, const Tensor& target,
                     const CrossEntropyOptions& options = {});

/// (x − target)², averaged, added up, or as it is; broadcasts.
/// Source: torch.nn.functional.mse_loss.
Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::Mean);

/// −w[t]·log_probs[t]: log_probs (N, C, d…) or (C), target int64 (N, d…) or scalar, weight (C) or
/// undefined -> scalar, or (N, d…) without reduction. The mean divides by the weights of the kept
/// targets. Throws Error for a class outside 0 … C−1. Source: torch.nn.functional.nll_loss.
Tensor nll_loss(const Tensor& log_probs, const Tensor& target, const Tensor& weight = {},
                int64_t ignore_index = -100, Reduction reduction = Reduction::Mean);

/// |x − target|, real also for complex numbers; broadcasts. Source: torch.nn.functional.l1_loss.
Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::Mean);
/// z = |x − target|: z²/2β below β, else z − β/2; broadcasts.
/// Source: torch.nn.functional.smooth_l1_loss.
Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, double beta = 1,
                      Reduction reduction = Reduction::Mean);
/// z = |x − target|: z²/2 up to δ, else δ·(z − δ/2); broadcasts.
/// Source: torch.nn.functional.huber_loss.
Tensor huber_loss(const Tensor& x, const Tensor& target, double delta = 1,
                  Reduction reduction = Reduction::Mean);

/// −w·(t·log x + (1 − t)·log(1 − x)) with logarithms of at least −100; x and target of one size,
/// weight broadcasts to it or is undefined. Throws Error for an x outside 0 … 1.
/// Source: torch.nn.functional.binary_cross_entropy.
Tensor binary_cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight = {},
                            Reduction reduction = Reduction::Mean);
/// The same of sigmoid(x), without overflow; pos_weight, which broadcasts or is undefined, counts
/// for t. Source: torch.nn.functional.binary_cross_entropy_with_logits.
Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target,
                                        const Tensor& weight = {}, const Tensor& pos_weight = {},
                                        Reduction reduction = Reduction::Mean);
/// log(1 + e^(−target·x)); target, of −1 and 1, broadcasts and has no gradient.
/// Source: torch.nn.functional.soft_margin_loss.
Tensor soft_margin_loss(const Tensor& x, const Tensor& target,
                        Reduction reduction = Reduction::Mean);

struct MultiMarginOptions {
  int p = 1;  // or 2
  double margin = 1;
  Tensor weight = {};  // (C), or undefined
};
/// Σ over j ≠ t of w[t]·max(0, margin − x[t] + x[j])^p / C: x (N, C) or (C), target int64 (N) or
/// scalar. Source: torch.nn.functional.multi_margin_loss.
Tensor multi_margin_loss(const Tensor& x, const Tensor& target,
                         const MultiMarginOptions& options = {},
                         Reduction reduction = Reduction::Mean);
/// Σ over wanted t and unwanted j of max(0, 1 − x[t] + x[j]) / C: x (N, C) or (C), target int64 of
/// x's sizes, its classes up to the first −1. Source: torch.nn.functional.multilabel_margin_loss.
Tensor multilabel_margin_loss(const Tensor& x, const Tensor& target,
                              Reduction reduction = Reduction::Mean);
/// Mean over the last dimension of the binary cross entropy of sigmoid(x), times weight
/// (broadcasts, or undefined). Source: torch.nn.functional.multilabel_soft_margin_loss.
Tensor multilabel_soft_margin_loss(const Tensor& x, const Tensor& target, const Tensor& weight = {},
                                   Reduction reduction = Reduction::Mean);

enum class KlReduction : uint8_t { None, Mean, Sum, BatchMean };
/// t·(log t − x), or e^t·(t − x) with log_target; x holds log-probabilities; broadcasts. The mean
/// divides by all numbers, BatchMean by the first size. Source: torch.nn.functional.kl_div.
Tensor kl_div(const Tensor& x, const Tensor& target, KlReduction reduction = KlReduction::Mean,
              bool log_target = false);

struct GaussianNllOptions {
  bool full = false;  // adds log(2π)/2
  double eps = 1e-6;
};
/// (log v + (x − target)²/v)/2 with v = max(variance, eps), whose clamping has no slope. variance
/// of x's sizes, or with 1 or nothing in place of the last. Throws Error for a negative one.
/// Source: torch.nn.functional.gaussian_nll_loss.
Tensor gaussian_nll_loss(const Tensor& x, const Tensor& target, const Tensor& variance,
                         const GaussianNllOptions& options = {},
                         Reduction reduction = Reduction::Mean);
struct PoissonNllOptions {
  bool log_input = true;
  bool full = false;  // adds Stirling's t·log t − t + log(2π·t)/2 where t > 1
  double eps = 1e-8;
};
/// e^x − t·x, or without log_input x − t·log(x + eps); broadcasts.
/// Source: torch.nn.functional.poisson_nll_loss.
Tensor poisson_nll_loss(const Tensor& x, const Tensor& target,
                        const PoissonNllOptions& options = {},
                        Reduction reduction = Reduction::Mean);

/// x where target ≠ −1, plus max(0, margin − x) where target ≠ 1; broadcasts.
/// Source: torch.nn.functional.hinge_embedding_loss.
Tensor hinge_embedding_loss(const Tensor& x, const Tensor& target, double margin = 1,
                            Reduction reduction = Reduction::Mean);
/// 1 − cos(a, b) where target is 1, max(0, cos(a, b) − margin) where it is −1: a and b (N, C) and
/// target (N), or (C) and a scalar. Source: torch.nn.functional.cosine_embedding_loss.
Tensor cosine_embedding_loss(const Tensor& a, const Tensor& b, const Tensor& target,
                             double margin = 0, Reduction reduction = Reduction::Mean);
/// max(0, −target·(a − b) + margin); all have as many dimensions and broadcast.
/// Source: torch.nn.functional.margin_ranking_loss.
Tensor margin_ranking_loss(const Tensor& a, const Tensor& b, const Tensor& target,
                           double margin = 0, Reduction reduction = Reduction::Mean);
struct TripletMarginOptions {
  double margin = 1;
  double p = 2;
  double eps = 1e-6;
  bool swap = false;  // takes the distance of positive and negative where it is the smaller
};
/// max(0, d(anchor, positive) − d(anchor, negative) + margin) with d = ‖a − b + eps‖_p over the
/// last dimension. Source: torch.nn.functional.triplet_margin_loss.
Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletMarginOptions& options = {},
                           Reduction reduction = Reduction::Mean);

struct CtcOptions {
  int64_t blank = 0;
  bool zero_infinity = false;  // impossible targets count 0
};
/// −log P(target): log_probs (T, N, C) or (T, C); targets of whole numbers (N, S), padded, or of
/// all samples in one row; both lengths whole numbers (N), or one. The mean divides each by the
/// length of its target. Its gradient holds only behind a log_softmax, as PyTorch's does. Source:
/// Graves et al. 2006; torch.nn.functional.ctc_loss.
Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CtcOptions& options = {},
                Reduction reduction = Reduction::Mean);

}  // namespace nw::ops
