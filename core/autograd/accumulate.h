#pragma once

#include <atomic>
#include <memory>

#include "core/autograd/hooks.h"
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

  /// What wants to know when grad() is whole; made where there was none.
  const std::shared_ptr<HookList>& make_after();
  /// How many that are, and whether there is any.
  size_t awaiting() const { return after_ ? after_->entries.size() : 0; }
  bool is_awaited() const { return awaiting() > 0; }
  void run_after() const;
  /// Whether there may be leaves that are awaited, in any graph.
  static bool any_awaited() { return awaited_lists.load(std::memory_order_relaxed) > 0; }

 private:
  /// Counts itself, so that a walk without such hooks need not look for them.
  struct After : HookList {
    After() { awaited_lists.fetch_add(1, std::memory_order_relaxed); }
    ~After() { awaited_lists.fetch_sub(1, std::memory_order_relaxed); }
  };
  static std::atomic<int> awaited_lists;

  Ref<GradSlot> slot_;
  std::shared_ptr<HookList> after_;
};

/// target + addend, in place when nobody else holds target's numbers.
void accumulate(Tensor& target, const Tensor& addend);

}  // namespace nw::autograd
