#include "tests/simulator/libraries/cudnn_norm.h"

// cuDNN's batch normalisation for the simulated GPU: one mean and variance for each channel.

namespace nw::simulated::dnn {
namespace {

Number number_of_statistics(Number type) {
  return type == Number::Float64 ? Number::Float64 : Number::Float32;
}

bool is_per_channel(const Shape& statistics, const Shape& x) {
  bool fits = statistics.rank == x.rank && statistics.type == number_of_statistics(x.type);
  for (int d = 0; d < statistics.rank; ++d) {
    fits = fits && statistics.sizes[d] == (d == 1 ? x.sizes[1] : 1);
  }
  return fits;
}

cudnnStatus_t status_of_mode(cudnnBatchNormMode_t mode) {
  const bool known = mode == CUDNN_BATCHNORM_SPATIAL || mode == CUDNN_BATCHNORM_SPATIAL_PERSISTENT;
  return known ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
}

cudnnStatus_t status_of_shapes(cudnnBatchNormMode_t mode, const Shape& x, const Shape& y,
                               const Shape& statistics) {
  NW_DNN(status_of_mode(mode));
  const bool set = x.is_set() && y.is_set() && statistics.is_set();
  if (!set || !x.has_sizes_of(y) || x.type != y.type) return CUDNN_STATUS_BAD_PARAM;
  if (x.rank < 4 || x.rank > 5) return CUDNN_STATUS_BAD_PARAM;
  if (!is_per_channel(statistics, x)) return CUDNN_STATUS_BAD_PARAM;
  if (x.type == Number::BFloat16) return CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE;
  const bool packed = x.is_packed(false) || x.is_packed(true);
  return packed ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED_LAYOUT;
}

/// Only plain normalisation; what is fused with others is not offered here.
cudnnStatus_t status_of_operation(cudnnBatchNormOps_t operation, cudnnTensorDescriptor_t z,
                                  cudnnActivationDescriptor_t activation) {
  const bool plain = operation == CUDNN_BATCHNORM_OPS_BN && z == nullptr && activation == nullptr;
  return plain ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
}

/// Half of a pair of addresses alone is a mistake.
bool are_paired(const void* a, const void* b) {
  return (a == nullptr) == (b == nullptr);
}

cudnnStatus_t status_of_optional(const void* memory, const Shape& shape, int device,
                                 const char* name) {
  return memory == nullptr ? CUDNN_STATUS_SUCCESS : status_of(memory, shape, device, name);
}

size_t workspace_of(cudnnBatchNormMode_t mode, const Shape& x) {
  return mode == CUDNN_BATCHNORM_SPATIAL_PERSISTENT || x.is_packed(true)
             ? static_cast<size_t>(x.sizes[1]) * 16 + 512
             : 0;
}

cudnnStatus_t status_of_rooms(cudnnBatchNormMode_t mode, const Shape& x, const void* room,
                              size_t room_bytes, const void* reserve, size_t reserve_bytes,
                              int device) {
  const size_t wanted = workspace_of(mode, x);
  if (room_bytes < wanted || reserve_bytes < kReserveBytes) {
    return CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT;
  }
  if (wanted > 0) NW_DNN(status_of_bytes(room, wanted, 16, device, "a workspace"));
  return status_of_bytes(reserve, kReserveBytes, 16, device, "a reserve space");
}

}  // namespace
}  // namespace nw::simulated::dnn

using namespace nw::simulated;
using namespace nw::simulated::dnn;

extern "C" {

cudnnStatus_t cudnnDeriveBNTensorDescriptor(cudnnTensorDescriptor_t derived,
                                            const cudnnTensorDescriptor_t x,
                                            cudnnBatchNormMode_t mode) {
  expect_alive(derived, __func__);
  expect_alive(x, __func__);
  if (!x->shape.is_set()) return CUDNN_STATUS_BAD_PARAM;
  NW_DNN(status_of_mode(mode));
  Shape shape = x->shape;
  shape.type = number_of_statistics(shape.type);
  for (int d = 0; d < shape.rank; ++d) {
    if (d != 1) shape.sizes[d] = 1;
  }
  shape.pack(false);
  derived->shape = shape;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t operation,
    const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t z,
    const cudnnTensorDescriptor_t y, const cudnnTensorDescriptor_t statistics,
    const cudnnActivationDescriptor_t activation, size_t* bytes) {
  const HandleUse use(handle, __func__);
  for (const auto one : {x, y, statistics}) expect_alive(one, __func__);
  NW_DNN(status_of_operation(operation, z, activation));
  NW_DNN(status_of_shapes(mode, x->shape, y->shape, statistics->shape));
  *bytes = workspace_of(mode, x->shape);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetBatchNormalizationBackwardExWorkspaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t operation,
    const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t,
    const cudnnTensorDescriptor_t dy, const cudnnTensorDescriptor_t dz,
    const cudnnTensorDescriptor_t dx, const cudnnTensorDescriptor_t statistics,
    const cudnnActivationDescriptor_t activation, size_t* bytes) {
  const HandleUse use(handle, __func__);
  for (const auto one : {x, dy, dx, statistics}) expect_alive(one, __func__);
  NW_DNN(status_of_operation(operation, dz, activation));
  NW_DNN(status_of_shapes(mode, x->shape, dx->shape, statistics->shape));
  *bytes = workspace_of(mode, x->shape);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetBatchNormalizationTrainingExReserveSpaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t operation,
    const cudnnActivationDescriptor_t activation, const cudnnTensorDescriptor_t x, size_t* bytes) {
  const HandleUse use(handle, __func__);
  expect_alive(x, __func__);
  NW_DNN(status_of_mode(mode));
  NW_DNN(status_of_operation(operation, nullptr, activation));
  *bytes = kReserveBytes;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBatchNormalizationForwardTrainingEx(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t operation,
    const void* alpha, const void* beta, const cudnnTensorDescriptor_t x_descriptor, const void* x,
    const cudnnTensorDescriptor_t z_descriptor, const void*,
    const cudnnTensorDescriptor_t y_descriptor, void* y,
    const cudnnTensorDescriptor_t statistics_descriptor, const void* scale, const void* bias,
    double share, void* running_mean, void* running_variance, double epsilon, void* saved_mean,
    void* saved_inverse, cudnnActivationDescriptor_t activation, void* room, size_t room_bytes,
    void* reserve, size_t reserve_bytes) {
  const HandleUse use(handle, __func__);
  for (const auto one : {x_descriptor, y_descriptor, statistics_descriptor}) {
    expect_alive(one, __func__);
  }
  const Shape& shape = x_descriptor->shape;
  const Shape& statistics = statistics_descriptor->shape;
  NW_DNN(status_of_operation(operation, z_descriptor, activation));
  NW_DNN(status_of_shapes(mode, shape, y_descriptor->shape, statistics));
  const bool fits = alpha != nullptr && beta != nullptr && epsilon >= CUDNN_BN_MIN_EPSILON &&
                    are_paired(running_mean, running_variance) &&
                    are_paired(saved_mean, saved_inverse);
  if (!fits) return CUDNN_STATUS_BAD_PARAM;
  const int device = use.device();
  NW_DNN(status_of(x, shape, device, "x of a normalisation"));
  NW_DNN(status_of(y, y_descriptor->shape, device, "y of a normalisation"));
  for (const void* one : {scale, bias}) NW_DNN(status_of(one, statistics, device, "a parameter"));
  for (const void* one : {running_mean, running_variance, saved_mean, saved_inverse}) {
    NW_DNN(status_of_optional(one, statistics, device, "a statistic"));
  }
  NW_DNN(status_of_rooms(mode, shape, room, room_bytes, reserve, reserve_bytes, device));
  const NormTraining training{shape,
                              y_descriptor->shape,
                              statistics,
                              x,
                              y,
                              scale,
                              bias,
                              factor(alpha, shape.type),
                              factor(beta, shape.type),
                              share,
                              epsilon,
                              running_mean,
                              running_variance,
                              saved_mean,
                              saved_inverse,
                              reserve};
  enqueue(use.stream(), [training, room, bytes = workspace_of(mode, shape)] {
    scribble(room, bytes);
    run(training);
  });
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBatchNormalizationBackwardEx(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t operation,
    const void* alpha, const void* beta, const void* parameter_alpha, const void* parameter_beta,
    const cudnnTensorDescriptor_t x_descriptor, const void* x, const cudnnTensorDescriptor_t,
    const void*, const cudnnTensorDescriptor_t dy_descriptor, const void* dy,
    const cudnnTensorDescriptor_t dz_descriptor, void*, const cudnnTensorDescriptor_t dx_descriptor,
    void* dx, const cudnnTensorDescriptor_t statistics_descriptor, const void* scale, const void*,
    void* scale_gradient, void* bias_gradient, double epsilon, const void* saved_mean,
    const void* saved_inverse, cudnnActivationDescriptor_t activation, void* room,
    size_t room_bytes, void* reserve, size_t reserve_bytes) {
  const HandleUse use(handle, __func__);
  for (const auto one : {x_descriptor, dy_descriptor, dx_descriptor, statistics_descriptor}) {
    expect_alive(one, __func__);
  }
  const Shape& shape = x_descriptor->shape;
  const Shape& statistics = statistics_descriptor->shape;
  NW_DNN(status_of_operation(operation, dz_descriptor, activation));
  NW_DNN(status_of_shapes(mode, shape, dx_descriptor->shape, statistics));
  NW_DNN(status_of_shapes(mode, shape, dy_descriptor->shape, statistics));
  for (const void* one : {alpha, beta, parameter_alpha, parameter_beta}) {
    if (one == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  }
  if (epsilon < CUDNN_BN_MIN_EPSILON || !are_paired(saved_mean, saved_inverse)) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  const int device = use.device();
  NW_DNN(status_of(x, shape, device, "x of a normalisation"));
  NW_DNN(status_of(dy, dy_descriptor->shape, device, "dy of a normalisation"));
  NW_DNN(status_of(dx, dx_descriptor->shape, device, "dx of a normalisation"));
  for (const void* one :
       {scale, static_cast<const void*>(scale_gradient), static_cast<const void*>(bias_gradient)}) {
    NW_DNN(status_of(one, statistics, device, "a parameter or its gradient"));
  }
  for (const void* one : {saved_mean, saved_inverse}) {
    NW_DNN(status_of_optional(one, statistics, device, "a saved statistic"));
  }
  NW_DNN(status_of_rooms(mode, shape, room, room_bytes, reserve, reserve_bytes, device));
  const Number type = shape.type;
  const NormBackward backward{shape,
                              dy_descriptor->shape,
                              dx_descriptor->shape,
                              statistics,
                              x,
                              dy,
                              dx,
                              scale,
                              scale_gradient,
                              bias_gradient,
                              factor(alpha, type),
                              factor(beta, type),
                              factor(parameter_alpha, type),
                              factor(parameter_beta, type),
                              epsilon,
                              saved_mean,
                              saved_inverse,
                              reserve};
  enqueue(use.stream(), [backward, room, bytes = workspace_of(mode, shape)] {
    scribble(room, bytes);
    run(backward);
  });
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBatchNormalizationForwardInference(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void* alpha, const void* beta,
    const cudnnTensorDescriptor_t x_descriptor, const void* x,
    const cudnnTensorDescriptor_t y_descriptor, void* y,
    const cudnnTensorDescriptor_t statistics_descriptor, const void* scale, const void* bias,
    const void* mean, const void* variance, double epsilon) {
  const HandleUse use(handle, __func__);
  for (const auto one : {x_descriptor, y_descriptor, statistics_descriptor}) {
    expect_alive(one, __func__);
  }
  const Shape& shape = x_descriptor->shape;
  const Shape& statistics = statistics_descriptor->shape;
  NW_DNN(status_of_shapes(mode, shape, y_descriptor->shape, statistics));
  if (alpha == nullptr || beta == nullptr || epsilon < CUDNN_BN_MIN_EPSILON) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  NW_DNN(status_of(x, shape, use.device(), "x of a normalisation"));
  NW_DNN(status_of(y, y_descriptor->shape, use.device(), "y of a normalisation"));
  for (const void* one : {scale, bias, mean, variance}) {
    NW_DNN(status_of(one, statistics, use.device(), "a parameter or statistic"));
  }
  const NormInference inference{shape,
                                y_descriptor->shape,
                                statistics,
                                x,
                                y,
                                scale,
                                bias,
                                mean,
                                variance,
                                factor(alpha, shape.type),
                                factor(beta, shape.type),
                                epsilon};
  enqueue(use.stream(), [inference] { run(inference); });
  return CUDNN_STATUS_SUCCESS;
}

}  // extern "C"
