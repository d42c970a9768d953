#pragma once

#include <optional>

#include "core/backend/element_op.h"
#include "core/tensor/tensor.h"

/// What modules tell of themselves so that whoever runs several in a row may run them as one. A
/// module that tells nothing is run by its forward, which gives the same.
namespace nw::nn {

/// A module without state that does one thing to each number, or to each pair of them.
class Elementwise {
 public:
  virtual ~Elementwise() = default;
  /// What forward does to numbers of `dtype`, always the same, whether or not it writes over them;
  /// none: more than an ElementOp tells.
  virtual std::optional<ElementOp> element(DType dtype) const = 0;
};

/// A module that can put an activation behind what it computes, while it writes it down.
class EndsInActivation {
 public:
  virtual ~EndsInActivation() = default;
  /// f(forward(input)) in one; f's slope is told by its result.
  virtual Tensor forward_through(const Tensor& input, ElementKind f) = 0;
};

}  // namespace nw::nn
