#pragma once

#include "core/autograd/record.h"
#include "core/autograd/view.h"

namespace nw::autograd {

/// Call before an op writes into `self`; `recording` is needs_record of self and the other inputs.
/// Throws Error where torch refuses: elements that share memory, and while recording a leaf that
/// requires a gradient, a view of one, and views that are one of many or were made under NoGrad.
void check_in_place(std::string_view op, const Tensor& self, bool recording);

/// Makes `node`, whose first edge is that of `self` as it was, the maker of what `self` holds now.
/// Where self is a view, its base and the other views of it take part.
void rebase_history(const Tensor& self, const Ref<Node>& node);

/// Records an op that has just written its result into inputs[0], as record(); call it instead of
/// bumping the version, which it does itself. grad_inputs[0] is the gradient of the overwritten
/// numbers. `saved` holds tensors as they are after the edit, inputs[0] as the result among them;
/// what backward needs of the overwritten numbers must be a copy made before.
template <size_t kInputs, size_t kSaved, typename Backward>
void record_in_place(std::string_view name, const std::array<Tensor, kInputs>& inputs,
                     const std::array<Tensor, kSaved>& saved, Backward backward) {
  const Tensor& self = inputs[0];
  auto node = make_ref<FunctionNode<Backward, kSaved>>(name, std::move(backward));
  for (const Tensor& input : inputs) node->add_edge(edge_of(input));
  self.storage()->bump_version();
  for (size_t i = 0; i < kSaved; ++i) {
    node->saved(i) = SavedTensor(saved[i].is_same(self) ? self.detach() : saved[i]);
  }
  rebase_history(self, node);
}

}  // namespace nw::autograd
