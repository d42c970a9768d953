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

/// Compares backward with central differences for every float64 or complex128 input that requires a
/// gradient, for random gradients of the outputs (torch.autograd.gradcheck's tolerances); for a
/// complex input the gradient is dL/d(real part) + i·dL/d(imaginary part), torch's convention. Then
/// once more with gradients that are not dense, which must give the same. Outputs are float64 or
/// complex128; others, such as indices, are left out. Returns the first mismatch in words, or an
/// empty string.
std::string gradcheck(const std::function<Tensors(const Tensors&)>& function, const Tensors& inputs,
                      const GradcheckOptions& options = {});
std::string gradcheck(const std::function<Tensor(const Tensors&)>& function, const Tensors& inputs,
                      const GradcheckOptions& options = {});

}  // namespace nw::autograd
