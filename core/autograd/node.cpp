#include "core/autograd/node.h"

#include <atomic>
#include <vector>

#include "core/autograd/accumulate.h"

namespace nw::autograd {
namespace {

thread_local bool recording = true;

uint64_t next_sequence() {
  static std::atomic<uint64_t> counter{0};
  return counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

Node::Node() : sequence_(next_sequence()) {}

Node::~Node() {
  // Letting go of a long chain one node inside the other would use up the stack: the outermost
  // destructor lets go in a loop instead.
  static thread_local std::vector<Ref<Node>> doomed;
  static thread_local bool draining = false;
  for (Edge& edge : edges_) {
    if (edge.node && edge.node->use_count() == 1) doomed.push_back(std::move(edge.node));
  }
  if (draining) return;
  draining = true;
  while (!doomed.empty()) {
    Ref<Node> last = std::move(doomed.back());
    doomed.pop_back();
  }
  draining = false;
}

SavedTensor::SavedTensor(const Tensor& tensor)
    : tensor_(tensor), version_(tensor.defined() ? tensor.storage()->version() : 0) {}

const Tensor& SavedTensor::get(std::string_view op) const {
  NW_CHECK(!released_, "[", op,
           "] backward a second time: what it saved was released by the first; ",
           "pass retain_graph to keep it");
  if (tensor_.defined()) {
    const uint32_t now = tensor_.storage()->version();
    NW_CHECK(now == version_, "[", op, "] a tensor that backward needs (", describe(tensor_),
             ") was edited in place after it was used: it is at version ", now, ", expected ",
             version_);
  }
  return tensor_;
}

void SavedTensor::release() {
  tensor_ = Tensor();
  released_ = true;
}

bool grad_enabled() {
  return recording;
}

NoGrad::NoGrad() : before_(recording) {
  recording = false;
}
NoGrad::~NoGrad() {
  recording = before_;
}

bool needs_record(std::span<const Tensor> tensors) {
  if (!grad_enabled()) return false;
  for (const Tensor& tensor : tensors) {
    if (tensor.defined() && tensor.requires_grad()) return true;
  }
  return false;
}

Edge edge_of(const Tensor& tensor) {
  if (!tensor.defined() || !tensor.requires_grad()) return {};
  if (tensor.grad_fn()) {
    return {Ref<Node>(static_cast<Node*>(tensor.grad_fn().get())), tensor.output_index()};
  }
  return {make_ref<AccumulateGrad>(tensor), 0};
}

void set_maker(const Tensor& output, const Ref<Node>& node, uint32_t index) {
  output.set_history(node, index);
}

}  // namespace nw::autograd
