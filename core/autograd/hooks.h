#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/autograd/node.h"

namespace nw::autograd {

/// Sees the whole gradient of a tensor before it flows on; a defined tensor that it returns takes
/// the gradient's place. Runs without recording; what it throws comes out of backward().
using TensorHook = std::function<Tensor(const Tensor& grad)>;

/// What looks at the gradients of a node's outputs, in the order of registration: a hook, or a slot
/// that keeps the gradient.
struct HookList {
  struct Entry {
    uint64_t id = 0;
    uint32_t output = 0;
    TensorHook hook;
    Ref<GradSlot> slot;
  };
  std::vector<Entry> entries;
  uint64_t next_id = 0;

  uint64_t add(uint32_t output, TensorHook hook, Ref<GradSlot> slot = {});
  /// Runs everything over what arrived for the outputs.
  void run(Tensors& grads, std::string_view node) const;
};

/// Takes a hook away again (torch's RemovableHandle). May outlive its tensor; does nothing when it
/// goes itself.
class TensorHookHandle {
 public:
  TensorHookHandle(const std::shared_ptr<HookList>& list, uint64_t id) : list_(list), id_(id) {}
  void remove();

 private:
  std::weak_ptr<HookList> list_;
  uint64_t id_;
};

/// Adds a hook to a tensor that requires a gradient (torch.Tensor.register_hook): of a leaf it runs
/// before the gradient is added to grad(). Throws Error when the tensor requires none.
TensorHookHandle register_hook(const Tensor& tensor, TensorHook hook);

/// Sees grad() of a leaf as it is once a backward has added all that it brings, or brought nothing
/// where the graph led to the leaf: then `grad` may be undefined.
using GradReadyHook = std::function<void(const Tensor& grad)>;

/// Adds a hook to a leaf that requires a gradient
/// (torch.Tensor.register_post_accumulate_grad_hook). It runs as soon as the gradient is whole,
/// while the rest of backward has yet to come. Throws Error for any other tensor.
TensorHookHandle register_post_accumulate_grad_hook(const Tensor& leaf, GradReadyHook hook);

/// How many hooks of both kinds a leaf has.
size_t hooks_on(const Tensor& leaf);

/// Lets the backward that runs on this thread call `function` when all gradients are there. Throws
/// Error when none runs. Dropped when the backward throws.
void after_backward(std::function<void()> function);
/// Whether the backward that runs on this thread leaves the graph as it is, so that another one may
/// come (retain_graph): what was saved must not be written over. True when none runs.
bool keeps_graph();

/// Lets a tensor that is no leaf add up its gradients in grad(); leaves do so anyway. Throws Error
/// when it requires none.
void retain_grad(const Tensor& tensor);
/// Whether retain_grad() was called on a tensor that is no leaf.
bool retains_grad(const Tensor& tensor);

/// Carries retain_grad() over from the history that `tensor` has to the one that it gets.
void move_retained(const Tensor& tensor, Node& maker);

}  // namespace nw::autograd
