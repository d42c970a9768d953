#pragma once

#include "core/tensor/tensor.h"

namespace nw::autograd {

/// Computes the gradients of `output` and adds them to `grad()` of every leaf that requires one, as
/// torch.autograd.backward. `grad`: the gradient of output; undefined means 1 and needs a
/// one-element output. The graph's saved tensors are released unless `retain_graph`.
void backward(const Tensor& output, const Tensor& grad = {}, bool retain_graph = false);

}  // namespace nw::autograd
