#pragma once

#include "core/tensor/tensor.h"

namespace nw::nn {

/// While it lives, modules that this thread makes have parameters of this dtype (torch:
/// set_default_dtype); outside, float32. The device is core/backend's default_device().
class DTypeGuard {
 public:
  explicit DTypeGuard(DType dtype);
  ~DTypeGuard();
  DTypeGuard(const DTypeGuard&) = delete;
  DTypeGuard& operator=(const DTypeGuard&) = delete;

 private:
  DType before_;
};

/// Uninitialised memory for a parameter, of the default dtype on the default device.
Tensor new_parameter(const Dims& sizes);

namespace init {

/// Fills with U[from, to) from default_generator(), bit-equal with torch.nn.init.uniform_.
void uniform_(const Tensor& tensor, double from, double to);
/// U(±gain·√(6 / (fan_in + fan_out))) and N(0, gain²·2 / (fan_in + fan_out)) for a weight
/// (out, in, …). Source: Glorot & Bengio 2010; torch.nn.init.
void xavier_uniform_(const Tensor& tensor, double gain = 1);
void xavier_normal_(const Tensor& tensor, double gain = 1);
/// The weight (out, in, …) and bias (out) or undefined of a fresh nn.Linear or nn.Conv: weight
/// first, both U(±1/√fan_in), where fan_in counts what feeds one output.
void linear_(const Tensor& weight, const Tensor& bias);

}  // namespace init
}  // namespace nw::nn
