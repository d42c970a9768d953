#pragma once

#include "plugins/cuda/cudnn_plans.h"
#include "plugins/cuda/pool_shape.h"

namespace nw::cuda {

/// What cuDNN is told of a shape.
struct PoolDescriptors {
  CudnnTensor x, y;
  CudnnDescriptor<cudnnPoolingDescriptor_t> window{NW_CUDNN(cudnnCreatePoolingDescriptor),
                                                   NW_CUDNN(cudnnDestroyPoolingDescriptor)};

  explicit PoolDescriptors(const PoolShape& shape)
      : x(shape.dtype, shape.x, shape.innermost), y(shape.dtype, shape.y, shape.innermost) {
    check_cudnn(NW_CUDNN(cudnnSetPoolingNdDescriptor)(window.get(), mode_of(shape.pooled),
                                                      CUDNN_PROPAGATE_NAN, shape.x.rank - 2,
                                                      shape.kernel, shape.padding, shape.stride),
                "describe windows");
  }

 private:
  static cudnnPoolingMode_t mode_of(Pooled pooled) {
    switch (pooled) {
      case Pooled::Largest:
        return CUDNN_POOLING_MAX;
      case Pooled::MeanWithPadding:
        return CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING;
      default:
        return CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING;
    }
  }
};

}  // namespace nw::cuda
