#pragma once

#include "core/tensor/tensor.h"

namespace nw::nn {

/// A loss whose mean counts some targets more than others: by class weights, or not at all.
class TargetWeights {
 public:
  virtual ~TargetWeights() = default;
  /// Whether it does with these options.
  virtual bool weighs_targets() const = 0;
  /// What the mean over `target`, of classes or probabilities, divides by.
  virtual double weight_of(const Tensor& target) const = 0;
};

/// The sum of the weights (C, or undefined for ones) of int64 classes, without those that are
/// `ignored`; of probabilities (N, C, …) their number of samples N·….
double sum_of_weights(const Tensor& target, const Tensor& weight, int64_t ignored);

}  // namespace nw::nn
