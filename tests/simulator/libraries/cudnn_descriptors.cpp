#include "tests/simulator/libraries/cudnn_objects.h"

// cuDNN for the simulated GPU: the handle and the descriptors, as NVIDIA describes them.

using namespace nw::simulated;
using namespace nw::simulated::dnn;

namespace {

int windows(int size, int padding, int window, int dilation, int stride) {
  const int room = size + 2 * padding - ((window - 1) * dilation + 1);
  return room < 0 ? 0 : room / stride + 1;
}

}  // namespace

extern "C" {

size_t cudnnGetVersion() {
  return CUDNN_VERSION;
}

const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (CUDNN_STATUS_CATEGORY(status)) {
    case 0:
      return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_BAD_PARAM:
      return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_NOT_SUPPORTED:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_INTERNAL_ERROR:
      return "CUDNN_STATUS_INTERNAL_ERROR";
    case CUDNN_STATUS_EXECUTION_FAILED:
      return "CUDNN_STATUS_EXECUTION_FAILED";
    default:
      return "CUDNN_STATUS_NOT_INITIALIZED";
  }
}

void cudnnGetLastErrorString(char* message, size_t most) {
  if (most > 0) *message = '\0';
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  if (handle == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  *handle = new cudnnContext{current_device(), nullptr};
  note_alive(*handle);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  return destroy(handle, "cudnnDestroy");
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  const HandleUse use(handle, "cudnnSetStream");
  if (device_of(stream) != use.device()) return CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH;
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* descriptor) {
  return create(descriptor);
}
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t descriptor) {
  return destroy(descriptor, "cudnnDestroyTensorDescriptor");
}

cudnnStatus_t cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t descriptor, cudnnDataType_t type,
                                         int rank, const int* sizes, const int* strides) {
  expect_alive(descriptor, "cudnnSetTensorNdDescriptor");
  if (strides == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  Shape shape;
  if (!set_type(type, shape.type)) return CUDNN_STATUS_NOT_SUPPORTED;
  NW_DNN(set_sizes(shape, rank, sizes));
  for (int d = 0; d < rank; ++d) {
    if (strides[d] <= 0) return CUDNN_STATUS_BAD_PARAM;
    shape.strides[d] = strides[d];
  }
  descriptor->shape = shape;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* descriptor) {
  return create(descriptor);
}
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t descriptor) {
  return destroy(descriptor, "cudnnDestroyFilterDescriptor");
}

cudnnStatus_t cudnnSetFilterNdDescriptor(cudnnFilterDescriptor_t descriptor, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int rank, const int* sizes) {
  expect_alive(descriptor, "cudnnSetFilterNdDescriptor");
  Shape shape;
  if (!set_type(type, shape.type)) return CUDNN_STATUS_NOT_SUPPORTED;
  if (format != CUDNN_TENSOR_NCHW && format != CUDNN_TENSOR_NHWC) return CUDNN_STATUS_BAD_PARAM;
  NW_DNN(set_sizes(shape, rank, sizes));
  descriptor->innermost = format == CUDNN_TENSOR_NHWC;
  shape.pack(descriptor->innermost);
  descriptor->shape = shape;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* descriptor) {
  return create(descriptor);
}
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t descriptor) {
  return destroy(descriptor, "cudnnDestroyConvolutionDescriptor");
}

cudnnStatus_t cudnnSetConvolutionNdDescriptor(cudnnConvolutionDescriptor_t descriptor, int rank,
                                              const int* padding, const int* stride,
                                              const int* dilation, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t compute) {
  expect_alive(descriptor, "cudnnSetConvolutionNdDescriptor");
  if (padding == nullptr || stride == nullptr || dilation == nullptr || rank < 0) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  if (rank < 2 || rank > 3 || mode != CUDNN_CROSS_CORRELATION) return CUDNN_STATUS_NOT_SUPPORTED;
  for (int d = 0; d < rank; ++d) {
    if (padding[d] < 0 || stride[d] <= 0 || dilation[d] <= 0) return CUDNN_STATUS_BAD_PARAM;
    descriptor->padding[d] = padding[d];
    descriptor->stride[d] = stride[d];
    descriptor->dilation[d] = dilation[d];
  }
  descriptor->rank = rank;
  descriptor->compute = compute;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t descriptor, int groups) {
  expect_alive(descriptor, "cudnnSetConvolutionGroupCount");
  if (groups < 1) return CUDNN_STATUS_BAD_PARAM;
  descriptor->groups = groups;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t descriptor,
                                          cudnnMathType_t math) {
  expect_alive(descriptor, "cudnnSetConvolutionMathType");
  if (math < CUDNN_DEFAULT_MATH || math > CUDNN_FMA_MATH) return CUDNN_STATUS_BAD_PARAM;
  descriptor->math = math;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionNdForwardOutputDim(const cudnnConvolutionDescriptor_t conv,
                                                    const cudnnTensorDescriptor_t x,
                                                    const cudnnFilterDescriptor_t weight, int rank,
                                                    int* sizes) {
  for (const void* object : {static_cast<const void*>(conv), static_cast<const void*>(x),
                             static_cast<const void*>(weight)}) {
    expect_alive(object, "cudnnGetConvolutionNdForwardOutputDim");
  }
  const Shape& in = x->shape;
  const Shape& filter = weight->shape;
  const bool fits = sizes != nullptr && in.rank == rank && filter.rank == rank &&
                    conv->rank == rank - 2 && in.sizes[1] == filter.sizes[1] * conv->groups;
  if (!fits) return CUDNN_STATUS_BAD_PARAM;
  sizes[0] = in.sizes[0];
  sizes[1] = filter.sizes[0];
  for (int d = 2; d < rank; ++d) {
    sizes[d] = windows(in.sizes[d], conv->padding[d - 2], filter.sizes[d], conv->dilation[d - 2],
                       conv->stride[d - 2]);
    if (sizes[d] == 0) return CUDNN_STATUS_BAD_PARAM;
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreatePoolingDescriptor(cudnnPoolingDescriptor_t* descriptor) {
  return create(descriptor);
}
cudnnStatus_t cudnnDestroyPoolingDescriptor(cudnnPoolingDescriptor_t descriptor) {
  return destroy(descriptor, "cudnnDestroyPoolingDescriptor");
}

cudnnStatus_t cudnnSetPoolingNdDescriptor(cudnnPoolingDescriptor_t descriptor,
                                          const cudnnPoolingMode_t mode,
                                          const cudnnNanPropagation_t nan, int rank,
                                          const int* window, const int* padding,
                                          const int* stride) {
  expect_alive(descriptor, "cudnnSetPoolingNdDescriptor");
  if (window == nullptr || padding == nullptr || stride == nullptr) {
    return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  }
  if (mode < CUDNN_POOLING_MAX || mode > CUDNN_POOLING_MAX_DETERMINISTIC) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  if (rank < 2 || rank > 3) return CUDNN_STATUS_NOT_SUPPORTED;
  for (int d = 0; d < rank; ++d) {
    const bool fits = window[d] > 0 && stride[d] > 0 && padding[d] >= 0 && padding[d] < window[d];
    if (!fits) return CUDNN_STATUS_BAD_PARAM;
    descriptor->window[d] = window[d];
    descriptor->padding[d] = padding[d];
    descriptor->stride[d] = stride[d];
  }
  descriptor->rank = rank;
  descriptor->mode = mode;
  descriptor->keeps_nan = nan == CUDNN_PROPAGATE_NAN;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetPoolingNdForwardOutputDim(const cudnnPoolingDescriptor_t pooling,
                                                const cudnnTensorDescriptor_t x, int rank,
                                                int* sizes) {
  expect_alive(pooling, "cudnnGetPoolingNdForwardOutputDim");
  expect_alive(x, "cudnnGetPoolingNdForwardOutputDim");
  if (sizes == nullptr || x->shape.rank != rank || pooling->rank != rank - 2) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  sizes[0] = x->shape.sizes[0];
  sizes[1] = x->shape.sizes[1];
  for (int d = 2; d < rank; ++d) {
    sizes[d] = windows(x->shape.sizes[d], pooling->padding[d - 2], pooling->window[d - 2], 1,
                       pooling->stride[d - 2]);
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateDropoutDescriptor(cudnnDropoutDescriptor_t* descriptor) {
  return create(descriptor);
}
cudnnStatus_t cudnnDestroyDropoutDescriptor(cudnnDropoutDescriptor_t descriptor) {
  return destroy(descriptor, "cudnnDestroyDropoutDescriptor");
}

/// Only what leaves all numbers alone: for anything else states would be needed.
cudnnStatus_t cudnnSetDropoutDescriptor(cudnnDropoutDescriptor_t descriptor, cudnnHandle_t handle,
                                        float probability, void* states, size_t,
                                        unsigned long long) {
  const HandleUse use(handle, "cudnnSetDropoutDescriptor");
  expect_alive(descriptor, "cudnnSetDropoutDescriptor");
  if (probability < 0 || probability > 1) return CUDNN_STATUS_BAD_PARAM;
  if (probability != 0 || states != nullptr) return CUDNN_STATUS_NOT_SUPPORTED;
  descriptor->is_set = true;
  return CUDNN_STATUS_SUCCESS;
}

}  // extern "C"
