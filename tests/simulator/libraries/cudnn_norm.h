#pragma once

#include "tests/simulator/libraries/cudnn_objects.h"

namespace nw::simulated::dnn {

/// How much the forward pass leaves for the backward pass.
constexpr size_t kReserveBytes = 256;

// Batch normalisation, one mean and variance for each channel. What may be null is not wanted, or
// computed anew.
struct NormTraining {
  Shape x, y, statistics;
  const void* from;
  void* to;
  const void *scale, *bias;
  double alpha, beta, share, epsilon;
  void *running_mean, *running_variance, *saved_mean, *saved_inverse, *reserve;
};

struct NormBackward {
  Shape x, dy, dx, statistics;
  const void *from, *gradient;
  void* to;
  const void* scale;
  void *scale_gradient, *bias_gradient;
  double alpha, beta, parameter_alpha, parameter_beta, epsilon;
  const void *saved_mean, *saved_inverse, *reserve;
};

struct NormInference {
  Shape x, y, statistics;
  const void* from;
  void* to;
  const void *scale, *bias, *mean, *variance;
  double alpha, beta, epsilon;
};

void run(const NormTraining& training);
void run(const NormBackward& backward);
void run(const NormInference& inference);

}  // namespace nw::simulated::dnn
