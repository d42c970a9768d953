#pragma once

#include "core/tensor/tensor.h"

namespace nw::ops {

enum class Reduction : uint8_t { None, Mean, Sum };

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

}  // namespace nw::ops
