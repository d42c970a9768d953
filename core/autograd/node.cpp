#include "core/autograd/node.h"

#include <atomic>
#include <vector>

#include "core/autograd/accumulate.h"
#include "core/autograd/hooks.h"

namespace nw::autograd {
namespace {

thread_local bool recording = true;

uint64_t next_sequence() {
  static std::atomic<uint64_t> counter{1};
  return counter.fetch_add(1, std::memory_order_relaxed);
}

/// The end of every graph that `leaf` is in. Threads may ask for it at once.
Ref<Node> end_of(const Tensor& leaf) {
  TensorImpl::Gradient& gradient = impl_of(leaf).own_gradient();
  const RefCounted* known = gradient.accumulator.load(std::memory_order_acquire);
  if (known == nullptr) {
    if (!gradient.slot) gradient.slot = make_ref<GradSlot>();
    auto made = make_ref<AccumulateGrad>(gradient.slot);
    made->retain();  // for the leaf
    if (gradient.accumulator.compare_exchange_strong(known, made.get(),
                                                     std::memory_order_acq_rel)) {
      return made;
    }
    made->release();
  }
  return Ref<Node>(static_cast<Node*>(const_cast<RefCounted*>(known)));
}

}  // namespace

Node::~Node() {
  // Letting go of a long chain one node inside the other would use up the stack: the outermost
  // destructor lets go in a loop instead. Its list is its own: tensors that live as long as the
  // program are destroyed after all that belongs to a thread.
  using Doomed = InlineVector<Ref<Node>, 8>;
  static thread_local Doomed* draining = nullptr;
  Doomed own;
  Doomed& doomed = draining != nullptr ? *draining : own;
  for (Edge& edge : edges_) {
    // One by one: two edges may lead to one node.
    const Ref<Node> next = std::move(edge.node);
    if (next && next->use_count() == 1) doomed.push_back(next);
  }
  if (draining != nullptr) return;
  draining = &own;
  while (!own.empty()) {
    const Ref<Node> last = std::move(own.back());
    own.erase(own.size() - 1);
  }
  draining = nullptr;
}

const std::shared_ptr<HookList>& Node::make_hooks() {
  if (!hooks_) hooks_ = std::make_shared<HookList>();
  return hooks_;
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

GradMode::GradMode(bool enabled) : before_(recording) {
  recording = enabled;
}
GradMode::~GradMode() {
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
  return {end_of(tensor), 0};
}

void set_maker(const Tensor& output, const Ref<Node>& node, uint32_t index) {
  if (node->sequence_ == 0) node->sequence_ = next_sequence();
  output.set_history(node, index);
}

}  // namespace nw::autograd
