#pragma once

#include <cstdint>
#include <string_view>

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

/// Ways to fill a tensor with the numbers that training starts from. They record no history, draw
/// from default_generator() and do nothing on meta; bit-equal with torch.nn.init for the same seed,
/// but for orthogonal_. Source: torch.nn.init.
namespace init {

/// U[from, to)
void uniform_(const Tensor& tensor, double from = 0, double to = 1);
/// N(mean, std²)
void normal_(const Tensor& tensor, double mean = 0, double std = 1);
/// The same without what lies outside of least … most.
void trunc_normal_(const Tensor& tensor, double mean = 0, double std = 1, double least = -2,
                   double most = 2);
void constant_(const Tensor& tensor, double value);
void ones_(const Tensor& tensor);
void zeros_(const Tensor& tensor);
/// 1 on the diagonal of a matrix, else 0.
void eye_(const Tensor& tensor);
/// The weight (out, in, kernel…) of a convolution that hands on as many channels as it can, within
/// each of `groups`; one to three spatial dimensions.
void dirac_(const Tensor& tensor, int64_t groups = 1);

/// Which side of a weight (out, in, …) keeps its variance.
enum class FanMode : uint8_t { In, Out };
/// The factor by which an activation ("relu", "leaky_relu" with its slope, "tanh", …) wants its
/// weights larger. Throws Error for an unknown name.
double calculate_gain(std::string_view nonlinearity, double slope = 0.01);
/// Glorot & Bengio 2010; at least two dimensions.
void xavier_uniform_(const Tensor& tensor, double gain = 1);
void xavier_normal_(const Tensor& tensor, double gain = 1);
/// He et al. 2015; at least two dimensions. `slope` counts for "leaky_relu" only.
void kaiming_uniform_(const Tensor& tensor, double slope = 0, FanMode mode = FanMode::In,
                      std::string_view nonlinearity = "leaky_relu");
void kaiming_normal_(const Tensor& tensor, double slope = 0, FanMode mode = FanMode::In,
                     std::string_view nonlinearity = "leaky_relu");
/// Orthonormal rows or columns (whichever are fewer) of the tensor taken as (out, everything else),
/// times gain. Saxe et al. 2013.
void orthogonal_(const Tensor& tensor, double gain = 1);
/// N(0, std²) in a matrix, with the part `sparsity` of each column 0. Martens 2010.
void sparse_(const Tensor& tensor, double sparsity, double std = 0.01);

/// The weight (out, in, …) and bias (out) or undefined of a fresh nn.Linear or nn.Conv: weight
/// first, both U(±1/√fan_in), where fan_in counts what feeds one output.
void linear_(const Tensor& weight, const Tensor& bias);

}  // namespace init
}  // namespace nw::nn
