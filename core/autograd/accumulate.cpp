#include "core/autograd/accumulate.h"

#include "core/backend/backend.h"
#include "core/backend/creation.h"

namespace nw::autograd {
namespace {

bool is_ours_alone(const Tensor& tensor) {
  return tensor.use_count() == 1 && tensor.storage()->use_count() == 1 &&
         is_dense_any_order(tensor.sizes(), tensor.strides());
}

/// Two tensors of one dense layout, row-major or not, as plain rows of numbers.
Tensor as_row(const Tensor& tensor) {
  return tensor.as_strided(Dims{tensor.numel()}, Dims{int64_t{1}}, tensor.offset());
}

bool share_layout(const Tensor& a, const Tensor& b) {
  return a.strides() == b.strides() && is_dense_any_order(a.sizes(), a.strides());
}

}  // namespace

void accumulate(Tensor& target, const Tensor& addend) {
  if (is_ours_alone(target)) {
    if (share_layout(target, addend)) {
      kernels_of(target).axpy(as_row(addend), 1.0, as_row(target));
      return;
    }
    if (target.is_contiguous()) {
      kernels_of(target).axpy(raw::contiguous(addend), 1.0, target);
      return;
    }
  }
  Tensor sum = empty_like(target);
  if (share_layout(target, addend)) {
    sum = sum.as_strided(target.sizes(), target.strides(), 0);
    kernels_of(target).binary(BinaryOp::Add, as_row(target), as_row(addend), as_row(sum));
  } else {
    kernels_of(target).binary(BinaryOp::Add, target, addend, sum);
  }
  target = std::move(sum);
}

void AccumulateGrad::add(Tensor arrived) {
  if (!arrived.defined() || slot_->frozen) return;
  if (const Tensor& grad = slot_->grad; grad.defined()) {
    // The caller may hold grad(): the sum goes into the same numbers, as in torch.
    const Tensor dense = raw::contiguous(arrived);
    if (grad.is_contiguous()) {
      kernels_of(grad).axpy(dense, 1.0, grad);
      grad.storage()->bump_version();
    } else {
      Tensor sum = empty_like(grad);
      kernels_of(grad).binary(BinaryOp::Add, grad, dense, sum);
      raw::copy_(grad, sum);
    }
    return;
  }
  const bool take = is_ours_alone(arrived) && arrived.is_contiguous();
  slot_->grad = take ? std::move(arrived) : raw::clone(arrived);
}

std::atomic<int> AccumulateGrad::awaited_lists{0};

const std::shared_ptr<HookList>& AccumulateGrad::make_after() {
  if (!after_) after_ = std::make_shared<After>();
  return after_;
}

void AccumulateGrad::run_after() const {
  const std::vector<HookList::Entry> all = after_->entries;  // a hook may take itself away
  for (const HookList::Entry& entry : all) entry.hook(slot_->grad);
}

void AccumulateGrad::backward(Tensors& grads, Tensors&) {
  add(std::move(grads[0]));
}

}  // namespace nw::autograd
