#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/tensor/tensor.h"

namespace nw::autograd {

class Node;
struct HookList;

/// Which input of which node a gradient flows to; a null node needs none.
struct Edge {
  Ref<Node> node;
  uint32_t input = 0;
};

/// The backward of one recorded op. Owns what it saved until it is released; the graph is owned
/// from the outputs down to the leaves. One backward at a time may walk a graph.
class Node : public RefCounted {
 public:
  Node() = default;
  ~Node() override;

  virtual std::string_view name() const = 0;
  /// grads: one for each output, undefined where none came, of any strides; may be taken over.
  /// Writes one for each edge that needs_grad(); leaves the others undefined.
  virtual void backward(Tensors& grads, Tensors& grad_inputs) = 0;
  /// Drops the saved tensors; a second backward then throws Error.
  virtual void release_saved() = 0;
  /// Whether this is a leaf's end of the graph, which may take gradients one by one.
  virtual bool is_end() const { return false; }

  bool needs_grad(size_t input) const { return input < edges_.size() && bool(edges_[input].node); }
  void add_edge(Edge edge) { edges_.push_back(std::move(edge)); }
  const InlineVector<Edge, 8>& edges() const { return edges_; }
  /// One unless set: how many tensors the op made.
  size_t output_count() const { return output_count_; }
  void set_output_count(size_t count) { output_count_ = count; }
  /// Larger than that of every node its edges lead to; backward goes from large to small.
  uint64_t sequence() const { return sequence_; }
  /// What looks at the gradients of the outputs before backward gets them; null: nothing.
  const std::shared_ptr<HookList>& hooks() const { return hooks_; }
  /// The same, made where there was none.
  const std::shared_ptr<HookList>& make_hooks();

 private:
  friend class Engine;
  friend void set_maker(const Tensor& output, const Ref<Node>& node, uint32_t index);

  InlineVector<Edge, 8> edges_;
  uint64_t sequence_ = 0;  // of a leaf's end; others get theirs when their edges are there
  size_t output_count_ = 1;
  std::shared_ptr<HookList> hooks_;
  // The engine's notes while it walks: the gradients that have arrived, and whether it waits in
  // line.
  Tensors arrived_;
  bool waiting_ = false;
};

/// A tensor kept for backward. Reading it throws Error when it was edited in place since, or
/// released.
class SavedTensor {
 public:
  SavedTensor() = default;
  /// Keeps `tensor`, which may be undefined.
  explicit SavedTensor(const Tensor& tensor);
  /// Undefined if an undefined tensor was saved. `op` starts the error message.
  const Tensor& get(std::string_view op) const;
  void release();

 private:
  Tensor tensor_;
  uint32_t version_ = 0;
  bool released_ = false;
};

/// Whether ops on this thread record; on by default.
bool grad_enabled();

/// Switches recording on this thread on or off while it lives (torch.set_grad_enabled).
class GradMode {
 public:
  explicit GradMode(bool enabled);
  ~GradMode();
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool before_;
};

/// torch.no_grad(): while it lives, ops on this thread record nothing.
class NoGrad : public GradMode {
 public:
  NoGrad() : GradMode(false) {}
};

/// torch.enable_grad(): records again within a NoGrad.
class EnableGrad : public GradMode {
 public:
  EnableGrad() : GradMode(true) {}
};

/// True when recording is on and one of the tensors needs a gradient.
template <std::same_as<Tensor>... T>
bool needs_record(const T&... tensors) {
  return grad_enabled() && ((tensors.defined() && tensors.requires_grad()) || ...);
}
bool needs_record(std::span<const Tensor> tensors);

/// Where the gradient of `tensor` flows to: its maker, its own accumulation, or nowhere.
Edge edge_of(const Tensor& tensor);

/// Makes `node`, whose edges are there already, the maker of `output` (its output number `index`).
void set_maker(const Tensor& output, const Ref<Node>& node, uint32_t index = 0);

}  // namespace nw::autograd
