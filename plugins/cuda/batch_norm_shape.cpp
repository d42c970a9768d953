#include "plugins/cuda/batch_norm_shape.h"

namespace nw::cuda {
namespace {

/// The most samples with which PyTorch trusts cuDNN.
constexpr int kMostInTraining = 880801;
constexpr int kMostInEvaluation = 65535;

/// The dtype of weights and statistics there.
DType statistics_of(const BatchNormShape& shape) {
  return shape.dtype == DType::Float64 ? DType::Float64 : DType::Float32;
}

bool is_plain(const BatchNormShape& shape, double eps) {
  const bool has_type = shape.dtype == DType::Float32 || shape.dtype == DType::Float64 ||
                        shape.dtype == DType::Float16;
  return has_type && eps > 0 && shape.x.fits && !shape.x.is_empty();
}

bool has(const Tensor& tensor, DType dtype) {
  return tensor.defined() && tensor.dtype() == dtype;
}

bool is_affine(const BatchNormShape& shape, const BatchNormCall& call) {
  const DType dtype = statistics_of(shape);
  return is_plain(shape, call.eps) && has(call.weight, dtype) && has(call.bias, dtype);
}

}  // namespace

BatchNormShape::BatchNormShape(const Tensor& given)
    : dtype(given.dtype()),
      device(given.device().index),
      innermost(!given.is_contiguous()),
      x(given.sizes()) {
  x.fits = x.fits && given.dim() >= 3;
}

size_t hash_of(const BatchNormShape& shape) {
  size_t hash = hash_of(shape.x);
  mix_hash(hash, static_cast<int64_t>(shape.dtype) * 2 + (shape.innermost ? 1 : 0));
  mix_hash(hash, shape.device);
  return hash;
}

bool trains_by_cudnn(const BatchNormShape& shape, const BatchNormCall& call) {
  const DType dtype = statistics_of(shape);
  const bool moves = call.running_mean.defined();
  const double momentum = call.tracking.momentum;
  const bool can_move = !call.tracking.cumulative && momentum >= 0 && momentum <= 1 &&
                        has(call.running_mean, dtype) && has(call.running_variance, dtype);
  return is_affine(shape, call) && shape.x.at[0] <= kMostInTraining && (!moves || can_move);
}

bool evaluates_by_cudnn(const BatchNormShape& shape, const BatchNormCall& call) {
  const DType dtype = statistics_of(shape);
  return is_affine(shape, call) && shape.x.at[0] <= kMostInEvaluation &&
         has(call.running_mean, dtype) && has(call.running_variance, dtype);
}

bool differentiates_by_cudnn(const BatchNormShape& shape, double eps, const Tensor& weight,
                             const Tensor& grad_x, const Tensor& grad_weight,
                             const Tensor& grad_bias) {
  const DType dtype = statistics_of(shape);
  const auto fits = [&](const Tensor& grad) { return !grad.defined() || has(grad, dtype); };
  return is_plain(shape, eps) && shape.x.at[0] <= kMostInTraining && has(weight, dtype) &&
         grad_x.defined() && fits(grad_weight) && fits(grad_bias);
}

}  // namespace nw::cuda
