#pragma once

#include "core/backend/activation_kernels.h"

namespace nw {

/// What is done to one number, or to two.
enum class ElementKind : uint8_t { Add, Mul, Relu, Tanh, Sigmoid, Activation };

/// A function of single numbers. `f` and `slope` tell that of kind Activation: what it is, and what
/// the gradient is taken from (the same, but for numbers that PyTorch rounds on the way back).
struct ElementOp {
  ElementKind kind = ElementKind::Add;
  Activation f = {};
  Activation slope = {};

  bool takes_two() const { return kind == ElementKind::Add || kind == ElementKind::Mul; }
  /// Whether the gradient is told from the result.
  bool slope_by_result() const {
    return kind == ElementKind::Relu || kind == ElementKind::Tanh || kind == ElementKind::Sigmoid;
  }
};

}  // namespace nw
