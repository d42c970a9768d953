#include "core/autograd/hooks.h"

#include <algorithm>

#include "core/autograd/accumulate.h"

namespace nw::autograd {
namespace {

Node& node_of(const Edge& edge, std::string_view what) {
  NW_CHECK(edge.node, "[", what, "] expects a tensor that requires a gradient");
  return *edge.node;
}

HookList* hooks_of(const Tensor& tensor) {
  const auto* node = static_cast<const Node*>(tensor.grad_fn().get());
  return node == nullptr ? nullptr : node->hooks().get();
}

/// The entry that keeps the gradient of a tensor which is no leaf; null: none.
const HookList::Entry* retaining(const HookList* list, const Tensor& tensor) {
  const auto* gradient = impl_of(tensor).gradient;
  if (list == nullptr || gradient == nullptr || !gradient->slot) return nullptr;
  for (const HookList::Entry& entry : list->entries) {
    if (entry.slot == gradient->slot) return &entry;
  }
  return nullptr;
}

}  // namespace

uint64_t HookList::add(uint32_t output, TensorHook hook, Ref<GradSlot> slot) {
  entries.push_back({next_id, output, std::move(hook), std::move(slot)});
  return next_id++;
}

void HookList::run(Tensors& grads, std::string_view node) const {
  const std::vector<Entry> all = entries;  // a hook may take itself away
  for (const Entry& entry : all) {
    Tensor& grad = grads[entry.output];
    if (!grad.defined()) continue;
    if (entry.slot) {
      Tensor& kept = entry.slot->grad;
      if (kept.defined()) {
        accumulate(kept, grad);
      } else {
        kept = grad;
      }
      continue;
    }
    Tensor replaced = entry.hook(grad);
    if (!replaced.defined()) continue;
    NW_CHECK(replaced.sizes() == grad.sizes() && replaced.dtype() == grad.dtype() &&
                 replaced.device() == grad.device(),
             "[", node, "] a hook turned a gradient of ", describe(grad), " into ",
             describe(replaced));
    grad = std::move(replaced);
  }
}

void TensorHookHandle::remove() {
  const auto list = list_.lock();
  if (!list) return;
  std::erase_if(list->entries, [&](const HookList::Entry& entry) { return entry.id == id_; });
}

TensorHookHandle register_hook(const Tensor& tensor, TensorHook hook) {
  const Edge edge = edge_of(tensor);
  const auto& list = node_of(edge, "register_hook").make_hooks();
  return {list, list->add(edge.input, std::move(hook))};
}

TensorHookHandle register_post_accumulate_grad_hook(const Tensor& leaf, GradReadyHook hook) {
  constexpr std::string_view kName = "register_post_accumulate_grad_hook";
  NW_CHECK(leaf.defined() && leaf.is_leaf(), "[", kName, "] expects a leaf");
  const Edge edge = edge_of(leaf);
  const auto& list = static_cast<AccumulateGrad&>(node_of(edge, kName)).make_after();
  return {list, list->add(0, [hook = std::move(hook)](const Tensor& grad) {
            hook(grad);
            return Tensor();
          })};
}

size_t hooks_on(const Tensor& leaf) {
  const Edge edge = edge_of(leaf);
  if (!edge.node) return 0;
  const auto& end = static_cast<const AccumulateGrad&>(*edge.node);
  return (end.hooks() ? end.hooks()->entries.size() : 0) + end.awaiting();
}

void retain_grad(const Tensor& tensor) {
  const Edge edge = edge_of(tensor);
  Node& node = node_of(edge, "retain_grad");
  if (tensor.is_leaf() || retains_grad(tensor)) return;
  auto& gradient = impl_of(tensor).own_gradient();
  if (!gradient.slot) gradient.slot = make_ref<GradSlot>();
  node.make_hooks()->add(edge.input, {}, gradient.slot);
}

bool retains_grad(const Tensor& tensor) {
  return retaining(hooks_of(tensor), tensor) != nullptr;
}

void move_retained(const Tensor& tensor, Node& maker) {
  HookList* list = hooks_of(tensor);
  const HookList::Entry* entry = retaining(list, tensor);
  if (entry == nullptr) return;
  const uint64_t id = entry->id;
  maker.make_hooks()->add(0, {}, entry->slot);
  std::erase_if(list->entries, [&](const HookList::Entry& one) { return one.id == id; });
}

}  // namespace nw::autograd
