#include "core/nn/losses/target_weights.h"

#include "core/backend/creation.h"

namespace nw::nn {

double sum_of_weights(const Tensor& target, const Tensor& weight, int64_t ignored) {
  if (target.dtype() != DType::Int64) {
    return static_cast<double>(target.dim() > 1 ? target.numel() / target.size(1) : 1);
  }
  const Tensor classes = raw::contiguous(raw::to(target, kCpu));
  const Tensor weights =
      weight.defined() ? raw::contiguous(raw::to(raw::to(weight, DType::Float64), kCpu)) : Tensor();
  double sum = 0;
  for (int64_t i = 0; i < classes.numel(); ++i) {
    const int64_t index = classes.data<int64_t>()[i];
    if (index == ignored) continue;
    const bool known = weights.defined() && index >= 0 && index < weights.numel();
    sum += known ? weights.data<double>()[index] : 1.0;
  }
  return sum;
}

}  // namespace nw::nn
