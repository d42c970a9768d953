#pragma once

#include "plugins/cuda/conv_shape.h"
#include "plugins/cuda/cudnn_handle.h"

namespace nw::cuda {

/// What cuDNN is told of a shape.
struct ConvDescriptors {
  CudnnDescriptor<cudnnTensorDescriptor_t> x{NW_CUDNN(cudnnCreateTensorDescriptor),
                                             NW_CUDNN(cudnnDestroyTensorDescriptor)};
  CudnnDescriptor<cudnnTensorDescriptor_t> y{NW_CUDNN(cudnnCreateTensorDescriptor),
                                             NW_CUDNN(cudnnDestroyTensorDescriptor)};
  CudnnDescriptor<cudnnFilterDescriptor_t> weight{NW_CUDNN(cudnnCreateFilterDescriptor),
                                                  NW_CUDNN(cudnnDestroyFilterDescriptor)};
  CudnnDescriptor<cudnnConvolutionDescriptor_t> conv{NW_CUDNN(cudnnCreateConvolutionDescriptor),
                                                     NW_CUDNN(cudnnDestroyConvolutionDescriptor)};

  explicit ConvDescriptors(const ConvShape& shape) {
    const cudnnDataType_t type = cudnn_type(shape.dtype);
    set_tensor(x.get(), type, shape, shape.x);
    set_tensor(y.get(), type, shape, shape.y);
    const cudnnTensorFormat_t format = shape.innermost ? CUDNN_TENSOR_NHWC : CUDNN_TENSOR_NCHW;
    check_cudnn(
        NW_CUDNN(cudnnSetFilterNdDescriptor)(weight.get(), type, format, shape.rank, shape.weight),
        "describe the weight");
    const bool wide = shape.dtype == DType::Float64;
    check_cudnn(NW_CUDNN(cudnnSetConvolutionNdDescriptor)(
                    conv.get(), shape.rank - 2, shape.padding, shape.stride, shape.dilation,
                    CUDNN_CROSS_CORRELATION, wide ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT),
                "describe the convolution");
    check_cudnn(NW_CUDNN(cudnnSetConvolutionGroupCount)(conv.get(), shape.groups),
                "set the groups");
    set_math(is_half(shape.dtype) ? CUDNN_TENSOR_OP_MATH
             : shape.tf32         ? CUDNN_DEFAULT_MATH
                                  : CUDNN_FMA_MATH);
  }

  void set_math(cudnnMathType_t type) const {
    check_cudnn(NW_CUDNN(cudnnSetConvolutionMathType)(conv.get(), type), "set the kind of math");
  }

 private:
  static void set_tensor(cudnnTensorDescriptor_t descriptor, cudnnDataType_t type,
                         const ConvShape& shape, const int* sizes) {
    int strides[5];
    shape.strides_of(sizes, strides);
    check_cudnn(NW_CUDNN(cudnnSetTensorNdDescriptor)(descriptor, type, shape.rank, sizes, strides),
                "describe a tensor");
  }
};

}  // namespace nw::cuda
