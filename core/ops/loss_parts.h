#pragma once

#include <utility>

#include "core/backend/loss_kernels.h"
#include "core/ops/loss.h"

/// What the losses share.
namespace nw::ops {

/// Throws Error unless x is there and not complex.
void check_real(const Tensor& x, std::string_view op);
/// Both in the dtype that torch would compute with.
std::pair<Tensor, Tensor> promoted(const Tensor& x, const Tensor& target, std::string_view op);
/// The same as torch has it where it broadcasts both before: a number alone counts like a tensor.
std::pair<Tensor, Tensor> promoted_as_equals(const Tensor& x, const Tensor& target,
                                             std::string_view op);
Tensor reduced(const Tensor& losses, Reduction reduction);
/// `loss` itself where both have one dtype. Else its numbers without a way back: PyTorch computes
/// some losses of two dtypes, but their backward refuses.
Tensor without_backward_of_two_dtypes(const Tensor& loss, const Tensor& x, const Tensor& target,
                                      std::string_view op);
/// Throws Error unless `factor` broadcasts to the sizes of the losses.
void check_factor(const Tensor& factor, const Tensor& x, std::string_view what,
                  std::string_view op);

/// A loss of two numbers and its β or δ.
struct PointwiseFormula {
  PointwiseLoss kind;
  double parameter = 0;
};
/// The losses of x and target, which have one size and one floating dtype.
Tensor pointwise_loss(const PointwiseFormula& formula, const Tensor& x, const Tensor& target,
                      std::string_view op);

/// −w[t]·log_probs[t] of each target (0 where ignored), and the w[t] (0 where ignored; without
/// history).
struct PickedClasses {
  Tensor loss;
  Tensor weights;
};
/// log_probs (N, C, d…) or (C), target int64 (N, d…) or scalar; weight (C) or undefined.
PickedClasses pick_classes(const Tensor& log_probs, const Tensor& target, const Tensor& weight,
                           int64_t ignore_index);

}  // namespace nw::ops
