#include "core/autograd/in_place.h"

#include "core/autograd/hooks.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"

namespace nw::autograd {
namespace {

/// The backward of an edit of a part of its base: what the edit's own backward makes of that part
/// of the gradient takes the part's place; all else flows through.
class CopySlices final : public Node {
 public:
  CopySlices(const Tensor& base, const Tensor& view, Ref<Node> edit)
      : sizes_(base.sizes()),
        strides_(base.strides()),
        view_sizes_(view.sizes()),
        view_strides_(view.strides()),
        view_offset_(view.offset() - base.offset()),
        edit_(std::move(edit)) {
    add_edge(edge_of(base));
    for (size_t i = 1; i < edit_->edges().size(); ++i) add_edge(edit_->edges()[i]);
  }

  std::string_view name() const override { return edit_->name(); }

  void backward(Tensors& grads, Tensors& grad_inputs) override {
    const Tensor& grad = grads[0];
    const Tensor whole = zeros_laid_out(sizes_, strides_, grad.dtype(), grad.device());
    const Kernels& kernels = kernels_of(grad);
    kernels.copy(grad, whole);
    const Tensor part = whole.as_strided(view_sizes_, view_strides_, view_offset_);
    Tensors part_grads{raw::clone(part)};
    Tensors part_inputs(edges().size());
    edit_->backward(part_grads, part_inputs);
    for (size_t i = 1; i < edges().size(); ++i) grad_inputs[i] = part_inputs[i];
    if (!needs_grad(0)) return;
    if (part_inputs[0].defined()) {
      kernels.copy(part_inputs[0], part);
    } else {
      kernels.fill(part, 0);
    }
    grad_inputs[0] = whole;
  }
  void release_saved() override { edit_->release_saved(); }

 private:
  Dims sizes_, strides_;  // of the base
  Dims view_sizes_, view_strides_;
  int64_t view_offset_;  // from the base's first element
  Ref<Node> edit_;
};

bool shares_elements(const Tensor& tensor) {
  if (tensor.numel() <= 1) return false;
  for (size_t i = 0; i < tensor.sizes().size(); ++i) {
    if (tensor.sizes()[i] > 1 && tensor.strides()[i] == 0) return true;
  }
  return false;
}

bool is_wanting_leaf(const Tensor& tensor) {
  return tensor.defined() && tensor.is_leaf() && tensor.requires_grad();
}

}  // namespace

void check_in_place(std::string_view op, const Tensor& self, bool recording) {
  NW_CHECK(!shares_elements(self), "[", op, "] cannot write into ", describe(self),
           " whose elements share memory (it was expanded); clone() it first");
  if (!recording) return;
  NW_CHECK(
      !is_wanting_leaf(base_of(self)), "[", op,
      "] a view of a leaf that requires a gradient cannot be edited in place while recording; ",
      "use NoGrad, or a copy");
  NW_CHECK(!is_wanting_leaf(self), "[", op,
           "] a leaf that requires a gradient cannot be edited in place while recording; use ",
           "NoGrad, or a copy");
  const ViewKind kind = base_of(self).defined() ? impl_of(self).gradient->kind : ViewKind::Normal;
  NW_CHECK(kind != ViewKind::OneOfMany, "[", op, "] ", describe(self),
           " is one of several views that one op gave, which cannot be edited in place while ",
           "recording; use an op that gives a new tensor");
  NW_CHECK(kind != ViewKind::MadeUnderNoGrad, "[", op, "] ", describe(self),
           " is a view made under NoGrad, which cannot be edited in place while recording");
}

void rebase_history(const Tensor& self, const Ref<Node>& node) {
  if (const Tensor base = base_of(self); base.defined()) {
    const auto edit = make_ref<CopySlices>(base, self, node);
    move_retained(base, *edit);
    set_maker(base, edit);
    return;  // self and the other views get their history from the base when they are read
  }
  move_retained(self, *node);
  set_maker(self, node);
}

}  // namespace nw::autograd
