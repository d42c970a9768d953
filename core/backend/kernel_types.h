#pragma once

#include <cstdint>

namespace nw {

enum class UnaryOp : uint8_t { Neg, Exp, Log, Sqrt, Relu, Tanh, Sigmoid };

/// The *Grad ops take (gradient of the output, the forward's output).
enum class BinaryOp : uint8_t { Add, Sub, Mul, Div, ReluGrad, TanhGrad, SigmoidGrad };

/// How average pooling divides (see torch.nn.AvgPool2d).
struct AvgPoolMode {
  bool count_include_pad = true;
  int64_t divisor_override = 0;  // 0: none
};

struct SgdStep {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize, first;  // first: the momentum buffer is still empty
};

struct AdamStep {
  double lr, beta1, beta2, eps, weight_decay;
  bool amsgrad, maximize;
  int64_t step;  // 1 for the first
};

}  // namespace nw
