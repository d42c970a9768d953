#pragma once

#include "core/backend/loss_kernels.h"

/// The CPU's LossKernels; their contracts stand in core/backend/loss_kernels.h.
namespace nw::cpu {

extern const LossKernels kLossKernels;

void pointwise(PointwiseLoss kind, double parameter, const Tensor& x, const Tensor& target,
               const Tensor& out);
void pointwise_grad(PointwiseLoss kind, double parameter, const Tensor& grad, const Tensor& x,
                    const Tensor& target, const Tensor& grad_x);

void ctc(const Tensor& log_probs, const CtcTargets& targets, const Tensor& losses,
         const Tensor& alphas);
void ctc_grad(const Tensor& grad, const Tensor& log_probs, const CtcTargets& targets,
              const Tensor& losses, const Tensor& alphas, bool zero_infinity,
              const Tensor& grad_log_probs);

void multi_margin(const Tensor& x, const Tensor& target, const Tensor& weight, int power,
                  double margin, const Tensor& out);
void multi_margin_grad(const Tensor& grad, const Tensor& x, const Tensor& target,
                       const Tensor& weight, int power, double margin, const Tensor& grad_x);
void multi_label_margin(const Tensor& x, const Tensor& target, const Tensor& out);
void multi_label_margin_grad(const Tensor& grad, const Tensor& x, const Tensor& target,
                             const Tensor& grad_x);

void row_norm(const Tensor& x, double p, const Tensor& out);
void row_norm_grad(const Tensor& grad, const Tensor& x, double p, const Tensor& norm,
                   const Tensor& grad_x);

void check_not_negative(const Tensor& x, std::string_view text);

}  // namespace nw::cpu
