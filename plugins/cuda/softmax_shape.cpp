#include "plugins/cuda/softmax_shape.h"

#include "plugins/cuda/kernels/kernels.h"

namespace nw::cuda {

SoftmaxShape::SoftmaxShape(const Tensor& given, bool log)
    : dtype(given.dtype()), device(given.device().index), logarithm(log), x(given.sizes()) {}

bool SoftmaxShape::is_for_cudnn() const {
  const bool has_type =
      dtype == DType::Float32 || dtype == DType::Float64 || dtype == DType::Float16;
  const bool is_short_row = x.at[3] == 1 && x.at[1] <= kMostInWarp;
  return has_type && x.fits && !x.is_empty() && !is_short_row;
}

size_t hash_of(const SoftmaxShape& shape) {
  size_t hash = hash_of(shape.x);
  mix_hash(hash, static_cast<int64_t>(shape.dtype) * 2 + (shape.logarithm ? 1 : 0));
  mix_hash(hash, shape.device);
  return hash;
}

}  // namespace nw::cuda
