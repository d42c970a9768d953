#include "plugins/cuda/pool_shape.h"

namespace nw::cuda {

PoolShape::PoolShape(Pooled what, const Tensor& from, const Tensor& to, const Window& window)
    : dtype(from.dtype()),
      device(from.device().index),
      pooled(what),
      innermost(!from.is_contiguous() || !to.is_contiguous()),
      x(from.sizes()),
      y(to.sizes()) {
  const size_t spatial = window.kernel.size();
  const size_t lead = spatial == 1 ? 1 : 0;
  for (size_t i = 0; i < spatial; ++i) {
    for (const int64_t size : {window.kernel[i], window.stride[i], window.padding[i]}) {
      fits_ = fits_ && size <= INT32_MAX / 4;
    }
    fits_ = fits_ && (window.dilation.empty() || window.dilation[i] == 1);
    kernel[lead + i] = static_cast<int>(window.kernel[i]);
    stride[lead + i] = static_cast<int>(window.stride[i]);
    padding[lead + i] = static_cast<int>(window.padding[i]);
  }
}

bool PoolShape::is_for_cudnn() const {
  if (dtype != DType::Float32 && dtype != DType::Float64 && dtype != DType::Float16) return false;
  if (!fits_ || !x.fits || !y.fits || x.is_empty() || y.is_empty()) return false;
  for (int d = 0; d < x.rank - 2; ++d) {
    const int64_t room = int64_t{x.at[d + 2]} + 2 * padding[d] - kernel[d];
    if (room < 0 || room / stride[d] + 1 != y.at[d + 2]) return false;
  }
  return true;
}

size_t hash_of(const PoolShape& shape) {
  size_t hash = hash_of(shape.x);
  mix_hash(hash, static_cast<int64_t>(hash_of(shape.y)));
  mix_hash(hash, static_cast<int64_t>(shape.dtype) * 2 + (shape.innermost ? 1 : 0));
  mix_hash(hash, shape.device * 4 + static_cast<int>(shape.pooled));
  for (int d = 0; d < 3; ++d) {
    mix_hash(hash, shape.kernel[d]);
    mix_hash(hash, shape.stride[d]);
    mix_hash(hash, shape.padding[d]);
  }
  return hash;
}

}  // namespace nw::cuda
