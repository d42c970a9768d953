#pragma once

#include "tests/simulator/libraries/cudnn_objects.h"

namespace nw::simulated::dnn {

enum class Pass { Forward, Input, Weight };

/// A convolution and all that its descriptors say; `innermost`: of the weight's channels.
struct ConvProblem {
  Shape x, weight, y;
  bool innermost = false;
  cudnnConvolutionStruct conv;
};

/// BAD_PARAM for what contradicts itself, NOT_SUPPORTED for types that no algorithm takes.
cudnnStatus_t status_of(const ConvProblem& problem);

/// What is known of an algorithm for a problem, as the tables of cuDNN's description list it.
struct ConvAlgorithm {
  int number = 0;  // of the pass' enumeration
  bool supported = false;
  bool repeats = true;                         // bit for bit
  cudnnMathType_t math = CUDNN_FMA_MATH;       // with what the descriptor allows
  cudnnMathType_t could_use = CUDNN_FMA_MATH;  // if it were allowed
  size_t workspace_bytes = 0;
  /// What it says when it is run although it was advised: there are such.
  cudnnStatus_t refusal = CUDNN_STATUS_SUCCESS;
};
int count_of_algorithms(Pass pass);
ConvAlgorithm algorithm_of(Pass pass, int number, const ConvProblem& problem);

/// What a pass reads and writes; what it computes is written.
struct ConvOperands {
  void *x, *weight, *y;
};
void compute(Pass pass, const ConvProblem& problem, const ConvAlgorithm& algorithm,
             const ConvOperands& operands, double alpha, double beta);

}  // namespace nw::simulated::dnn
