#pragma once

#include "core/autograd/node.h"

namespace nw::autograd {

/// The leaf's end of a graph: adds what arrives to the leaf's grad().
class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(Tensor leaf) : leaf_(std::move(leaf)) {}

  std::string_view name() const override { return "AccumulateGrad"; }
  void backward(Tensors& grads, Tensors& grad_inputs) override;
  void release_saved() override {}

 private:
  Tensor leaf_;
};

/// target + addend, in place when nobody else holds target's numbers.
void accumulate(Tensor& target, const Tensor& addend);

}  // namespace nw::autograd
