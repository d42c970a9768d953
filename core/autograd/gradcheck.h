#pragma once

#include <functional>
#include <string>

#include "core/tensor/tensor.h"

namespace nw::autograd {

struct GradcheckOptions {
  double eps = 1e-6;
  double atol = 1e-5;
  double rtol = 1e-3;
};

/// Compares backward with central differences for every float64 input that requires a gradient, for
/// a random gradient of the output (torch.autograd.gradcheck's tolerances). Returns the first
/// mismatch in words, or an empty string.
std::string gradcheck(const std::function<Tensor(const Tensors&)>& function, const Tensors& inputs,
                      const GradcheckOptions& options = {});

}  // namespace nw::autograd
