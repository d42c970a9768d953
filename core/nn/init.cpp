#include "core/nn/init.h"

#include <cmath>
#include <utility>

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/base/random.h"

namespace nw::nn {
namespace {

thread_local DType current_dtype = DType::Float32;

/// √(2 / (fan_in + fan_out)) of a weight (out, in, …).
double xavier_std(const Tensor& tensor, double gain) {
  NW_CHECK(tensor.dim() >= 2, "[init] expects a tensor of at least 2 dimensions, gets ",
           to_string(tensor.sizes()));
  int64_t field = 1;
  for (int64_t d = 2; d < tensor.dim(); ++d) field *= tensor.size(d);
  const auto fans = static_cast<double>((tensor.size(0) + tensor.size(1)) * field);
  return gain * std::sqrt(2.0 / fans);
}

}  // namespace

DTypeGuard::DTypeGuard(DType dtype) : before_(std::exchange(current_dtype, dtype)) {}

DTypeGuard::~DTypeGuard() {
  current_dtype = before_;
}

Tensor new_parameter(const Dims& sizes) {
  return empty(sizes, current_dtype, default_device());
}

namespace init {

void uniform_(const Tensor& tensor, double from, double to) {
  if (tensor.numel() == 0 || tensor.device() == kMeta) return;
  kernels_of(tensor).uniform(default_generator(), from, to, tensor);
}

void xavier_uniform_(const Tensor& tensor, double gain) {
  const double bound = std::sqrt(3.0) * xavier_std(tensor, gain);
  uniform_(tensor, -bound, bound);
}

void xavier_normal_(const Tensor& tensor, double gain) {
  const double std = xavier_std(tensor, gain);
  if (tensor.numel() == 0 || tensor.device() == kMeta) return;
  kernels_of(tensor).normal(default_generator(), 0, std, tensor);
}

void linear_(const Tensor& weight, const Tensor& bias) {
  const int64_t outputs = weight.size(0);
  if (outputs == 0 || weight.numel() == 0) {
    if (bias.defined()) raw::fill_(bias, 0);
    return;
  }
  const auto fan_in = static_cast<double>(weight.numel() / outputs);
  // torch.nn.init.kaiming_uniform_ with a = √5, in its order of rounding.
  const double slope = std::sqrt(5.0);
  const double gain = std::sqrt(2.0 / (1.0 + slope * slope));
  const double bound = std::sqrt(3.0) * (gain / std::sqrt(fan_in));
  uniform_(weight, -bound, bound);
  if (!bias.defined()) return;
  const double bias_bound = 1.0 / std::sqrt(fan_in);
  uniform_(bias, -bias_bound, bias_bound);
}

}  // namespace init
}  // namespace nw::nn
