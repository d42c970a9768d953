#pragma once

#include "core/backend/activation_kernels.h"
#include "core/tensor/tensor.h"

/// What the activations that make a new tensor and those in place share.
namespace nw::ops {

/// All numbers of a dense tensor in the order in which they lie, without history.
Tensor row_of(const Tensor& dense);
/// grad · f'(at), of any strides both.
Tensor activation_gradient(const Activation& f, const Tensor& grad, const Tensor& at);

}  // namespace nw::ops
