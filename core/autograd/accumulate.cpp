#include "core/autograd/accumulate.h"

#include "core/backend/backend.h"
#include "core/backend/creation.h"

namespace nw::autograd {
namespace {

bool is_ours_alone(const Tensor& tensor) {
  return tensor.use_count() == 1 && tensor.storage()->use_count() == 1 && tensor.is_contiguous();
}

}  // namespace

void accumulate(Tensor& target, const Tensor& addend) {
  if (is_ours_alone(target) && addend.is_contiguous()) {
    kernels_of(target).axpy(addend, 1.0, target);
    return;
  }
  Tensor sum = empty_like(target);
  kernels_of(target).binary(BinaryOp::Add, target, addend, sum);
  target = std::move(sum);
}

void AccumulateGrad::backward(Tensors& grads, Tensors&) {
  Tensor& arrived = grads[0];
  if (!arrived.defined()) return;
  if (const Tensor& grad = leaf_.grad(); grad.defined()) {
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
  leaf_.set_grad(is_ours_alone(arrived) ? std::move(arrived) : raw::clone(arrived));
}

}  // namespace nw::autograd
