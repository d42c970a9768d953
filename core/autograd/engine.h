#pragma once

#include "core/tensor/tensor.h"

namespace nw::autograd {

/// Computes the gradients of `output` and adds them to `grad()` of every leaf that requires one, as
/// torch.autograd.backward. `grad`: the gradient of output, in whatever dtype; undefined means 1
/// and needs a real one-element output. The graph's saved tensors are released unless
/// `retain_graph`.
void backward(const Tensor& output, const Tensor& grad = {}, bool retain_graph = false);
/// The same for several outputs at once: `grads` is empty or has one entry, maybe undefined, for
/// each. With `inputs`, which must be leaves, only their grad() is touched.
void backward(const Tensors& outputs, const Tensors& grads = {}, bool retain_graph = false,
              const Tensors& inputs = {});

struct GradOptions {
  bool retain_graph = false;
  /// An input that the outputs do not depend on gets an undefined gradient instead of an Error.
  bool allow_unused = false;
};

/// The gradients of `outputs` for `inputs`, leaves or not, as torch.autograd.grad: no grad() is
/// touched, and the hooks of the inputs themselves do not run.
Tensors grad(const Tensors& outputs, const Tensors& inputs, const Tensors& grad_outputs = {},
             const GradOptions& options = {});

}  // namespace nw::autograd
