#include "core/autograd/engine.h"

#include <algorithm>
#include <vector>

#include "core/autograd/accumulate.h"
#include "core/backend/creation.h"

namespace nw::autograd {

/// One walk from the output to the leaves. Nodes wait in a heap by sequence number: a node is
/// younger than all it takes from, so whatever is youngest has received everything that will come.
class Engine {
 public:
  explicit Engine(bool retain_graph) : retain_graph_(retain_graph), line_(std::move(spare())) {}
  ~Engine() {
    // Something is left only after an error.
    for (const Ref<Node>& node : line_) forget(*node);
    line_.clear();
    spare() = std::move(line_);
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void send(const Edge& edge, Tensor grad) {
    Node& node = *edge.node;
    if (node.arrived_.empty()) node.arrived_.resize(node.output_count());
    Tensor& slot = node.arrived_[edge.input];
    if (slot.defined()) {
      accumulate(slot, grad);
    } else {
      slot = std::move(grad);
    }
    if (node.waiting_) return;
    node.waiting_ = true;
    line_.push_back(edge.node);
    std::push_heap(line_.begin(), line_.end(), older);
  }

  void run() {
    while (!line_.empty()) {
      std::pop_heap(line_.begin(), line_.end(), older);
      const Ref<Node> node = std::move(line_.back());
      line_.pop_back();
      Tensors grads = std::move(node->arrived_);
      forget(*node);
      Tensors grad_inputs(node->edges_.size());
      node->backward(grads, grad_inputs);
      if (!retain_graph_) node->release_saved();
      for (size_t i = 0; i < grad_inputs.size(); ++i) {
        if (node->needs_grad(i) && grad_inputs[i].defined()) {
          send(node->edges_[i], std::move(grad_inputs[i]));
        }
      }
    }
  }

 private:
  static bool older(const Ref<Node>& a, const Ref<Node>& b) {
    return a->sequence() < b->sequence();
  }
  static void forget(Node& node) {
    node.arrived_.clear();
    node.waiting_ = false;
  }
  /// The line's memory, kept from walk to walk; a walk inside a walk gets an empty one.
  static std::vector<Ref<Node>>& spare() {
    static thread_local std::vector<Ref<Node>> line;
    return line;
  }

  bool retain_graph_;
  std::vector<Ref<Node>> line_;
};

void backward(const Tensor& output, const Tensor& grad, bool retain_graph) {
  const Edge root = edge_of(output);
  NW_CHECK(root.node, "[backward] expects a tensor that needs a gradient; this one has no history");
  if (grad.defined()) {
    NW_CHECK(grad.sizes() == output.sizes() && grad.dtype() == output.dtype(),
             "[backward] expects a gradient of ", describe(output), ", gets ", describe(grad));
  } else {
    NW_CHECK(output.numel() == 1,
             "[backward] expects one element or a gradient to start from, gets ", describe(output));
  }
  const NoGrad guard;
  Engine engine(retain_graph);
  engine.send(root, grad.defined() ? raw::contiguous(grad)
                                   : full(output.sizes(), 1.0, output.dtype(), output.device()));
  engine.run();
}

}  // namespace nw::autograd
