#include "plugins/cuda/batch_norm_shape.h"
#include "plugins/cuda/cudnn_plans.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/with_cudnn.h"

// Batch normalisation by cuDNN. It moves the running statistics itself, and saves mean and rstd as
// our kernels do; what else it keeps for the backward pass goes through `kept`.
namespace nw::cuda {
namespace {

/// One shape: descriptors, and how much memory cuDNN wants.
class BatchNormPlan {
 public:
  explicit BatchNormPlan(const BatchNormShape& shape)
      : blend_(cudnn_blend(shape.dtype)),
        device_(shape.device),
        // As in PyTorch: the mode that goes over x once is for channels-last, where it is much
        // faster; elsewhere it costs digits.
        training_mode_(shape.innermost ? CUDNN_BATCHNORM_SPATIAL_PERSISTENT
                                       : CUDNN_BATCHNORM_SPATIAL),
        x_(shape.dtype, shape.x, shape.innermost) {
    check_cudnn(NW_CUDNN(cudnnDeriveBNTensorDescriptor)(channels_.get(), x_.get(), training_mode_),
                "describe statistics");
  }

  /// False: cuDNN has no code for it.
  bool train(const Tensor& x, const BatchNormCall& call, const Tensor& y, const Tensor& mean,
             const Tensor& rstd, Tensor& kept) {
    if (!measure()) return false;
    const Tensor room = room_for(forward_bytes_, x);
    const Tensor reserve = room_for(kept_bytes_, x);
    const double momentum = call.running_mean.defined() ? call.tracking.momentum : 1;
    const cudnnStatus_t status = NW_CUDNN(cudnnBatchNormalizationForwardTrainingEx)(
        handle(), training_mode_, CUDNN_BATCHNORM_OPS_BN, blend_.one, blend_.zero, x_.get(),
        x.raw(), nullptr, nullptr, x_.get(), y.raw(), channels_.get(), call.weight.raw(),
        call.bias.raw(), momentum, memory_of(call.running_mean), memory_of(call.running_variance),
        call.eps, mean.raw(), rstd.raw(), nullptr, memory_of(room), forward_bytes_,
        memory_of(reserve), kept_bytes_);
    if (!worked(status)) return false;
    kept = reserve;
    return true;
  }

  bool differentiate(const Tensor& grad, const Tensor& x, const Tensor& mean, const Tensor& rstd,
                     const Tensor& kept, const Tensor& weight, double eps, const Tensor& grad_x,
                     const Tensor& grad_weight, const Tensor& grad_bias) {
    // The forward pass may have been ours.
    if (!measure() || kept_bytes_ != (kept.defined() ? static_cast<size_t>(kept.numel()) : 0)) {
      return false;
    }
    const Tensor room = room_for(backward_bytes_, x);
    const auto wanted = [&](const Tensor& gradient) {
      return gradient.defined() ? gradient : empty(mean.sizes(), mean.dtype(), mean.device());
    };
    const Tensor to_weight = wanted(grad_weight);
    const Tensor to_bias = wanted(grad_bias);
    return worked(NW_CUDNN(cudnnBatchNormalizationBackwardEx)(
        handle(), training_mode_, CUDNN_BATCHNORM_OPS_BN, blend_.one, blend_.zero, blend_.one,
        blend_.zero, x_.get(), x.raw(), nullptr, nullptr, x_.get(), grad.raw(), nullptr, nullptr,
        x_.get(), grad_x.raw(), channels_.get(), weight.raw(), nullptr, to_weight.raw(),
        to_bias.raw(), eps, mean.raw(), rstd.raw(), nullptr, memory_of(room), backward_bytes_,
        memory_of(kept), kept_bytes_));
  }

  bool evaluate(const Tensor& x, const BatchNormCall& call, const Tensor& y) {
    if (!has_evaluation_) return false;
    const cudnnStatus_t status = NW_CUDNN(cudnnBatchNormalizationForwardInference)(
        handle(), CUDNN_BATCHNORM_SPATIAL, blend_.one, blend_.zero, x_.get(), x.raw(), x_.get(),
        y.raw(), channels_.get(), call.weight.raw(), call.bias.raw(), call.running_mean.raw(),
        call.running_variance.raw(), call.eps);
    has_evaluation_ = !is_not_supported(status);
    if (has_evaluation_) check_cudnn(status, "normalise a batch");
    return has_evaluation_;
  }

 private:
  cudnnHandle_t handle() const { return cudnn_handle(device_); }

  bool worked(cudnnStatus_t status) {
    has_training_ = !is_not_supported(status);
    if (has_training_) check_cudnn(status, "normalise a batch");
    return has_training_;
  }

  /// Asks how much memory training wants.
  bool measure() {
    if (is_measured_ || !has_training_) return has_training_;
    is_measured_ = true;
    constexpr cudnnBatchNormOps_t kOps = CUDNN_BATCHNORM_OPS_BN;
    return worked(NW_CUDNN(cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize)(
               handle(), training_mode_, kOps, x_.get(), nullptr, x_.get(), channels_.get(),
               nullptr, &forward_bytes_)) &&
           worked(NW_CUDNN(cudnnGetBatchNormalizationTrainingExReserveSpaceSize)(
               handle(), training_mode_, kOps, nullptr, x_.get(), &kept_bytes_)) &&
           worked(NW_CUDNN(cudnnGetBatchNormalizationBackwardExWorkspaceSize)(
               handle(), training_mode_, kOps, x_.get(), x_.get(), x_.get(), nullptr, x_.get(),
               channels_.get(), nullptr, &backward_bytes_));
  }

  CudnnBlend blend_;
  int device_;
  cudnnBatchNormMode_t training_mode_;
  CudnnTensor x_;
  CudnnTensor channels_;
  bool is_measured_ = false;
  bool has_training_ = true;
  bool has_evaluation_ = true;
  size_t forward_bytes_ = 0;
  size_t backward_bytes_ = 0;
  size_t kept_bytes_ = 0;
};

}  // namespace

namespace with_cudnn {

void batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                const BatchTracking& tracking, const Tensor& batches, const Tensor& running_mean,
                const Tensor& running_variance, const Tensor& y, const Tensor& mean,
                const Tensor& rstd, Tensor& kept) {
  const BatchNormShape shape(x);
  const BatchNormCall call{eps, weight, bias, running_mean, running_variance, tracking};
  if (cudnn().found() && trains_by_cudnn(shape, call) &&
      plan_for<BatchNormPlan>(shape).train(x, call, y, mean, rstd, kept)) {
    if (batches.defined()) count_batch(batches);
    return;
  }
  cuda::batch_norm(x, weight, bias, eps, tracking, batches, running_mean, running_variance, y, mean,
                   rstd, kept);
}

void batch_norm_grad(const Tensor& grad, const Tensor& x, const Tensor& mean, const Tensor& rstd,
                     const Tensor& kept, const Tensor& weight, double eps, const Tensor& grad_x,
                     const Tensor& grad_weight, const Tensor& grad_bias) {
  const BatchNormShape shape(x);
  if (cudnn().found() &&
      differentiates_by_cudnn(shape, eps, weight, grad_x, grad_weight, grad_bias) &&
      plan_for<BatchNormPlan>(shape).differentiate(grad, x, mean, rstd, kept, weight, eps, grad_x,
                                                   grad_weight, grad_bias)) {
    return;
  }
  cuda::batch_norm_grad(grad, x, mean, rstd, kept, weight, eps, grad_x, grad_weight, grad_bias);
}

void batch_norm_fixed(const Tensor& x, const Tensor& mean, const Tensor& variance,
                      const Tensor& weight, const Tensor& bias, double eps, const Tensor& y) {
  const BatchNormShape shape(x);
  const BatchNormCall call{eps, weight, bias, mean, variance};
  if (cudnn().found() && evaluates_by_cudnn(shape, call) &&
      plan_for<BatchNormPlan>(shape).evaluate(x, call, y)) {
    return;
  }
  cuda::batch_norm_fixed(x, mean, variance, weight, bias, eps, y);
}

}  // namespace with_cudnn
}  // namespace nw::cuda
