#pragma once

#include "core/autograd/node.h"

namespace nw::autograd {

/// The leaf's end of a graph: adds what arrives to the leaf's grad(). The leaf owns it, so that all
/// graphs of a leaf end in one node; it holds only where the gradient goes, not the leaf.
class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(Ref<GradSlot> slot) : slot_(std::move(slot)) {}

  std::string_view name() const override { return "AccumulateGrad"; }
  void backward(Tensors& grads, Tensors& grad_inputs) override;
  void release_saved() override {}
  bool is_end() const override { return true; }

  void add(Tensor grad);

 private:
  Ref<GradSlot> slot_;
};

/// target + addend, in place when nobody else holds target's numbers.
void accumulate(Tensor& target, const Tensor& addend);

}  // namespace nw::autograd
