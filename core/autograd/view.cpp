#include "core/autograd/view.h"

#include "core/autograd/record.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"

namespace nw::autograd {
namespace {

thread_local bool following = true;

/// Where a view lies in its base.
struct Place {
  Dims sizes, strides;
  int64_t offset;  // from the base's first element
};

/// Gives a view whose storage was edited the history of its base as it is now.
void refresh(const Tensor& view) {
  TensorImpl::Gradient& gradient = *impl_of(view).gradient;
  const Tensor base = gradient.base;
  gradient.fresh_version = view.storage()->version();
  if (!base.requires_grad() || gradient.kind == ViewKind::MadeUnderNoGrad) return;
  const Place place{view.sizes(), view.strides(), view.offset() - base.offset()};
  record("as_strided", view, std::array{base}, std::array<Tensor, 0>{},
         [place, sizes = base.sizes(), strides = base.strides()](
             const Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
           const Tensor& grad = grads[0];
           const Tensor whole = zeros_laid_out(sizes, strides, grad.dtype(), grad.device());
           kernels_of(grad).copy(grad, whole.as_strided(place.sizes, place.strides, place.offset));
           grad_inputs[0] = whole;
         });
}

}  // namespace

InferenceMode::InferenceMode() : before_(following) {
  following = false;
}
InferenceMode::~InferenceMode() {
  following = before_;
}

void track_view(const Tensor& view, const Tensor& of, ViewKind kind) {
  if (!following) return;
  const TensorImpl::Gradient* above = impl_of(of).gradient;
  const bool nested = above != nullptr && above->base.defined();
  TensorImpl::Gradient& gradient = impl_of(view).own_gradient();
  gradient.base = nested ? above->base : of;
  if (kind == ViewKind::Normal && !grad_enabled()) kind = ViewKind::MadeUnderNoGrad;
  if (kind == ViewKind::Normal && nested) kind = above->kind;
  gradient.kind = kind;
  gradient.fresh_version = view.storage()->version();
  gradient.refresh = refresh;
}

Tensor base_of(const Tensor& tensor) {
  const TensorImpl::Gradient* gradient = impl_of(tensor).gradient;
  return gradient == nullptr ? Tensor() : gradient->base;
}

Tensor zeros_laid_out(const Dims& sizes, const Dims& strides, DType dtype, Device device) {
  int64_t reach = numel(sizes) == 0 ? 0 : 1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    NW_CHECK(sizes[i] <= 1 || strides[i] > 0,
             "[as_strided] the gradient of a view of an expanded tensor that was edited in place ",
             "is not defined; clone() it first");
    if (reach > 0) reach += (sizes[i] - 1) * strides[i];
  }
  return zeros(Dims{reach}, dtype, device).as_strided(sizes, strides, 0);
}

void detach_(const Tensor& tensor) {
  TensorImpl::Gradient* gradient = impl_of(tensor).gradient;
  if (gradient == nullptr) return;
  // A result that an op made as a view of what nobody else has seen is no view to its user.
  NW_CHECK(!gradient->base || gradient->base.use_count() == 1,
           "[detach_] cannot detach a view in place; use detach()");
  gradient->base = Tensor();
  gradient->refresh = nullptr;
  gradient->grad_fn = nullptr;
  gradient->requires_grad = false;
  if (gradient->slot) gradient->slot->frozen = true;
}

}  // namespace nw::autograd
