#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/pool_descriptors.h"
#include "plugins/cuda/with_cudnn.h"

// Pooling by cuDNN. Where the place of the largest number is wanted, as for its gradient, our own
// kernels stand: cuDNN does not tell it, and among equals, which are common behind a ReLU, its
// backward pass is not bound to choose the first as PyTorch does.
namespace nw::cuda {
namespace {

class PoolPlan {
 public:
  explicit PoolPlan(const PoolShape& shape)
      : blend_(cudnn_blend(shape.dtype)), device_(shape.device), descriptors_(shape) {}

  /// False: cuDNN has no code for it.
  bool forward(const Tensor& x, const Tensor& y) {
    return worked(NW_CUDNN(cudnnPoolingForward)(cudnn_handle(device_), descriptors_.window.get(),
                                                blend_.one, descriptors_.x.get(), x.raw(),
                                                blend_.zero, descriptors_.y.get(), y.raw()));
  }

  /// Of means, whose gradients do not depend on x and y: any memory of their sizes will do.
  bool backward(const Tensor& grad, const Tensor& grad_x) {
    return worked(NW_CUDNN(cudnnPoolingBackward)(
        cudnn_handle(device_), descriptors_.window.get(), blend_.one, descriptors_.y.get(),
        grad.raw(), descriptors_.y.get(), grad.raw(), descriptors_.x.get(), grad_x.raw(),
        blend_.zero, descriptors_.x.get(), grad_x.raw()));
  }

 private:
  bool worked(cudnnStatus_t status) {
    if (is_not_supported(status)) return false;
    check_cudnn(status, "pool");
    return true;
  }

  CudnnBlend blend_;
  int device_;
  PoolDescriptors descriptors_;
};

Pooled mean_of(const AvgPoolMode& mode) {
  return mode.count_include_pad ? Pooled::MeanWithPadding : Pooled::MeanWithoutPadding;
}

bool is_for_cudnn(const PoolShape& shape) {
  return cudnn().found() && shape.is_for_cudnn();
}

}  // namespace

namespace with_cudnn {

void max_pool(const Tensor& x, const Window& window, const Tensor& y, const Tensor& indices) {
  if (!indices.defined()) {
    const PoolShape shape(Pooled::Largest, x, y, window);
    if (is_for_cudnn(shape) && plan_for<PoolPlan>(shape).forward(x, y)) return;
  }
  cuda::max_pool(x, window, y, indices);
}

void avg_pool(const Tensor& x, const Window& window, const AvgPoolMode& mode, const Tensor& y) {
  if (mode.divisor_override == 0) {
    const PoolShape shape(mean_of(mode), x, y, window);
    if (is_for_cudnn(shape) && plan_for<PoolPlan>(shape).forward(x, y)) return;
  }
  cuda::avg_pool(x, window, mode, y);
}

void avg_pool_grad(const Tensor& grad, const Window& window, const AvgPoolMode& mode,
                   const Tensor& grad_x) {
  if (mode.divisor_override == 0) {
    const PoolShape shape(mean_of(mode), grad_x, grad, window);
    if (is_for_cudnn(shape) && plan_for<PoolPlan>(shape).backward(grad, grad_x)) return;
  }
  cuda::avg_pool_grad(grad, window, mode, grad_x);
}

}  // namespace with_cudnn
}  // namespace nw::cuda
