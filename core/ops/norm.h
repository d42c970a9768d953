#pragma once

#include <optional>

#include "core/tensor/tensor.h"

/// Normalisation: y = (x − mean) / √(variance + eps) · weight + bias, where weight and bias may be
/// undefined. One floating dtype on one device.
namespace nw::ops {

/// What batch normalisation remembers of the batches that it saw; undefined tensors: nothing.
struct RunningStatistics {
  Tensor mean = {};      // (C)
  Tensor variance = {};  // (C), unbiased
  Tensor batches = {};   // int64 scalar: how many there were

  bool defined() const { return mean.defined(); }
};

struct BatchNormOptions {
  bool training = false;                 // by the statistics of x, not by the running ones
  std::optional<double> momentum = 0.1;  // none: the running ones are means over all batches
  double eps = 1e-5;
};

/// x (N, C, *) -> the same sizes and layout (channels_last stays); statistics for each channel over
/// all the other dimensions. In training moves `running`, if it is defined, towards those of x in
/// place, and throws Error for a single value per channel; else takes `running`.
/// Source: torch.nn.functional.batch_norm; Ioffe & Szegedy 2015.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const RunningStatistics& running, const BatchNormOptions& options = {});

/// x (N, C, *), statistics for each sample and channel; options and `running` as for batch_norm,
/// but that it takes up the mean over the samples and a momentum is needed.
/// Source: torch.nn.functional.instance_norm; Ulyanov, Vedaldi & Lempitsky 2016.
Tensor instance_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                     const RunningStatistics& running, const BatchNormOptions& options = {});

/// x (*, normalized…), statistics over the last dimensions, which must be `normalized`; weight and
/// bias have these sizes. Source: torch.nn.functional.layer_norm; Ba, Kiros & Hinton 2016.
Tensor layer_norm(const Tensor& x, const Dims& normalized, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);

/// x (N, C, *), statistics over each of `groups` groups of channels of a sample; weight and bias
/// (C). Source: torch.nn.functional.group_norm; Wu & He 2018.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);

/// x / (k + alpha · mean of x² over `size` neighbouring channels)^beta; x (N, C, *), three or more
/// dimensions. Source: torch.nn.functional.local_response_norm; Krizhevsky et al. 2012.
Tensor local_response_norm(const Tensor& x, int64_t size, double alpha = 1e-4, double beta = 0.75,
                           double k = 1.0);

}  // namespace nw::ops
