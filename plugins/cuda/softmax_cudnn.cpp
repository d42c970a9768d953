#include "plugins/cuda/cudnn_plans.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/softmax_shape.h"
#include "plugins/cuda/with_cudnn.h"

// Softmax by cuDNN: over channels, and over rows too long for the registers of a warp.
namespace nw::cuda {
namespace {

class SoftmaxPlan {
 public:
  explicit SoftmaxPlan(const SoftmaxShape& shape)
      : blend_(cudnn_blend(shape.dtype)),
        device_(shape.device),
        algorithm_(shape.logarithm ? CUDNN_SOFTMAX_LOG : CUDNN_SOFTMAX_ACCURATE),
        x_(shape.dtype, shape.x, false) {}

  /// False: cuDNN has no code for it.
  bool forward(const Tensor& x, const Tensor& y) const {
    return worked(NW_CUDNN(cudnnSoftmaxForward)(cudnn_handle(device_), algorithm_,
                                                CUDNN_SOFTMAX_MODE_CHANNEL, blend_.one, x_.get(),
                                                x.raw(), blend_.zero, x_.get(), y.raw()));
  }

  bool backward(const Tensor& grad, const Tensor& y, const Tensor& grad_x) const {
    return worked(NW_CUDNN(cudnnSoftmaxBackward)(
        cudnn_handle(device_), algorithm_, CUDNN_SOFTMAX_MODE_CHANNEL, blend_.one, x_.get(),
        y.raw(), x_.get(), grad.raw(), blend_.zero, x_.get(), grad_x.raw()));
  }

 private:
  static bool worked(cudnnStatus_t status) {
    if (is_not_supported(status)) return false;
    check_cudnn(status, "work out a softmax");
    return true;
  }

  CudnnBlend blend_;
  int device_;
  cudnnSoftmaxAlgorithm_t algorithm_;
  CudnnTensor x_;
};

/// Null: our own kernel's turn.
const SoftmaxPlan* plan_of(const Tensor& x, bool logarithm) {
  const SoftmaxShape shape(x, logarithm);
  return cudnn().found() && shape.is_for_cudnn() ? &plan_for<SoftmaxPlan>(shape) : nullptr;
}

}  // namespace

namespace with_cudnn {

void softmax(const Tensor& x, bool logarithm, const Tensor& y) {
  const SoftmaxPlan* plan = plan_of(x, logarithm);
  if (plan == nullptr || !plan->forward(x, y)) cuda::softmax(x, logarithm, y);
}

void softmax_grad(const Tensor& grad, const Tensor& y, bool logarithm, const Tensor& grad_x) {
  const SoftmaxPlan* plan = plan_of(y, logarithm);
  if (plan == nullptr || !plan->backward(grad, y, grad_x)) {
    cuda::softmax_grad(grad, y, logarithm, grad_x);
  }
}

}  // namespace with_cudnn
}  // namespace nw::cuda
