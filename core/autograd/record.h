#pragma once

#include <array>
#include <span>
#include <utility>
#include <vector>

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

/// FunctionNode for an op whose numbers of inputs, outputs and saved tensors are known only when it
/// runs. Made by record(); ops do not name it.
template <typename Backward>
class WideFunctionNode final : public Node {
 public:
  WideFunctionNode(std::string_view name, Backward backward)
      : name_(name), backward_(std::move(backward)) {}

  std::string_view name() const override { return name_; }
  void backward(Tensors& grads, Tensors& grad_inputs) override {
    Tensors saved;
    for (const SavedTensor& one : saved_) saved.push_back(one.get(name_));
    backward_(*this, grads, grad_inputs, saved);
  }
  void release_saved() override {
    for (SavedTensor& saved : saved_) saved.release();
  }
  void save(const Tensor& tensor) { saved_.emplace_back(tensor); }

 private:
  std::string_view name_;  // a literal
  Backward backward_;
  std::vector<SavedTensor> saved_;
};

/// The same for any number of inputs, outputs and saved tensors. backward is `(const Node& node,
/// const Tensors& grads, Tensors& grad_inputs, const Tensors& saved)`; grads has one entry for each
/// output, undefined where no gradient came.
template <typename Backward>
void record(std::string_view name, std::span<const Tensor> outputs, std::span<const Tensor> inputs,
            std::span<const Tensor> saved, Backward backward) {
  auto node = make_ref<WideFunctionNode<Backward>>(name, std::move(backward));
  for (const Tensor& tensor : saved) {
    bool is_output = false;
    for (const Tensor& output : outputs) is_output = is_output || tensor.is_same(output);
    node->save(is_output ? tensor.detach() : tensor);
  }
  for (const Tensor& input : inputs) node->add_edge(edge_of(input));
  node->set_output_count(outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    set_maker(outputs[i], node, static_cast<uint32_t>(i));
  }
}

}  // namespace nw::autograd
