#pragma once

#include <span>

#include "core/backend/element_op.h"
#include "core/base/small_vector.h"
#include "core/tensor/tensor.h"

namespace nw {

/// One step of a chain and the numbers of the values that it takes.
struct ChainStep {
  ElementOp op;
  uint8_t a = 0;
  uint8_t b = 0;  // of an op that takes two
};

/// Elementwise ops that are worked out in one pass. Its values are numbered: first the inputs, then
/// what each step gives; the last one is the result. Each other value is taken by one step, once.
struct Chain {
  static constexpr size_t kMostInputs = 4;
  static constexpr size_t kMostSteps = 8;
  static constexpr size_t kMostValues = kMostInputs + kMostSteps;

  size_t inputs = 0;
  SmallVector<ChainStep, kMostSteps> steps;

  size_t values() const { return inputs + steps.size(); }
};

/// Several ops in one pass, optional: the ops one after the other give the same, bit for bit; half
/// numbers are rounded after each step. Floating point, all of one dtype.
struct ChainKernels {
  /// inputs: of the result's sizes, any strides, stride 0 to broadcast. values: one for each step,
  /// undefined where its numbers are not wanted in memory; dense, their dimensions in any order,
  /// all alike.
  void (*forward)(const Chain& chain, std::span<const Tensor> inputs,
                  std::span<const Tensor> values);
  /// grad (any strides) of the result. values: one for each value, undefined where it is worked out
  /// anew or not needed, any strides. grads: one for each value, undefined where its gradient is
  /// not wanted; dense, their dimensions in any order, all alike.
  void (*backward)(const Chain& chain, const Tensor& grad, std::span<const Tensor> values,
                   std::span<const Tensor> grads);
  /// y (M, out) = f(x (M, in) · weightᵀ (out, in) + bias (out) or undefined), f of a kind whose
  /// slope is told by the result
  void (*linear)(const Tensor& x, const Tensor& weight, const Tensor& bias, ElementKind f,
                 const Tensor& y);
};

}  // namespace nw
