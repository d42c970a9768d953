#pragma once

#include <span>

#include "core/tensor/tensor.h"

namespace nw::optim {

enum class NonFinite : uint8_t { Allowed, Error };

/// Scales the gradients of all `params` together to a norm of degree `norm_type` (which may be ∞)
/// of at most max_norm, by max_norm / (norm + 1e-6), and returns the norm that they had; 0 without
/// gradients. With NonFinite::Error throws Error for a norm that is infinite or no number.
/// Source: torch.nn.utils.clip_grad_norm_.
double clip_grad_norm_(std::span<const Tensor> params, double max_norm, double norm_type = 2,
                       NonFinite non_finite = NonFinite::Allowed);

/// The same without waiting for the device, which may record it (Backend::capture).
void queue_clip_grad_norm_(std::span<const Tensor> params, double max_norm, double norm_type = 2);

/// Holds each number of the gradients between −clip_value and clip_value.
/// Source: torch.nn.utils.clip_grad_value_.
void clip_grad_value_(std::span<const Tensor> params, double clip_value);

}  // namespace nw::optim
