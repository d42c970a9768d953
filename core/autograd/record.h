#pragma once

#include <array>
#include <utility>

#include "core/autograd/node.h"

namespace nw::autograd {

/// Node of an op whose backward is the callable `Backward`: `void(Node&, const Tensors& grads,
/// Tensors& grad_inputs, const Saved&...)`. Made by record(); ops do not name it.
template <typename Backward, size_t kSaved>
class FunctionNode final : public Node {
 public:
  FunctionNode(std::string_view name, Backward backward) : name_(name), backward_(backward) {}

  std::string_view name() const override { return name_; }
  void backward(Tensors& grads, Tensors& grad_inputs) override {
    std::array<Tensor, kSaved> saved;
    for (size_t i = 0; i < kSaved; ++i) saved[i] = saved_[i].get(name_);
    backward_(*this, grads, grad_inputs, saved);
  }
  void release_saved() override {
    for (SavedTensor& saved : saved_) saved.release();
  }
  SavedTensor& saved(size_t i) { return saved_[i]; }

 private:
  std::string_view name_;  // a literal
  Backward backward_;
  std::array<SavedTensor, kSaved> saved_;
};

/// Records one op: its inputs (some may be undefined), the tensors that backward wants, and
/// backward itself, `(const Node& node, const Tensors& grads, Tensors& grad_inputs, const
/// std::array<Tensor, n>& saved)`, which fills grad_inputs[i] where node.needs_grad(i). Everything
/// else it needs it captures by value. Call it only when needs_record(inputs...).
template <size_t kInputs, size_t kSaved, typename Backward>
void record(std::string_view name, const Tensor& output, const std::array<Tensor, kInputs>& inputs,
            const std::array<Tensor, kSaved>& saved, Backward backward) {
  auto node = make_ref<FunctionNode<Backward, kSaved>>(name, std::move(backward));
  for (size_t i = 0; i < kSaved; ++i) {
    // An output that kept its own history would keep its node, which keeps the output: a circle.
    node->saved(i) = SavedTensor(saved[i].is_same(output) ? output.detach() : saved[i]);
  }
  for (const Tensor& input : inputs) node->add_edge(edge_of(input));
  set_maker(output, node);
}

}  // namespace nw::autograd
