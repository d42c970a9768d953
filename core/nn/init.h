#pragma once

#include "core/tensor/tensor.h"

namespace nw::nn {

/// While it lives, modules that this thread makes put their parameters on this device in this dtype
/// (torch: `with torch.device(…)` and set_default_dtype). Outside: float32 on the CPU. On meta a
/// module has shapes, draws nothing and costs nothing, which is how a graph is inferred.
class ParameterScope {
 public:
  explicit ParameterScope(Device device, DType dtype = DType::Float32);
  ~ParameterScope();
  ParameterScope(const ParameterScope&) = delete;
  ParameterScope& operator=(const ParameterScope&) = delete;

 private:
  Device device_;
  DType dtype_;
};

/// Uninitialised memory for a parameter, where the innermost ParameterScope says.
Tensor new_parameter(const Dims& sizes);

namespace init {

/// Fills with U[from, to) from default_generator(), bit-equal with torch.nn.init.uniform_.
void uniform_(const Tensor& tensor, double from, double to);
/// The weight (out, in, …) and bias (out) or undefined of a fresh nn.Linear or nn.Conv: weight
/// first, both U(±1/√fan_in), where fan_in counts what feeds one output.
void linear_(const Tensor& weight, const Tensor& bias);

}  // namespace init
}  // namespace nw::nn
