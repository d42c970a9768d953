#pragma once

#include <cudnn.h>

#include <atomic>
#include <string>
#include <vector>

#include "tests/simulator/libraries/device.h"
#include "tests/simulator/libraries/numbers.h"

// What stands behind cuDNN's descriptors and its handle here, and how memory is read by them.
namespace nw::simulated::dnn {

/// Every object of cuDNN is noted while it lives, so that use of a destroyed one is found.
void note_alive(const void* object);
void note_dead(const void* object);
/// Ends the program unless it lives.
void expect_alive(const void* object, const char* call);

constexpr int kMostDims = CUDNN_DIM_MAX;

/// The sizes and strides of a tensor, or of a weight.
struct Shape {
  Number type = Number::Float32;
  int rank = 0;  // 0: nothing was said yet
  int sizes[kMostDims] = {};
  int64_t strides[kMostDims] = {};

  bool is_set() const { return rank > 0; }
  int64_t numel() const;
  /// From the first to the last number.
  int64_t span() const;
  size_t span_bytes() const { return static_cast<size_t>(span()) * bytes_of(type); }
  bool has_sizes_of(const Shape& other) const;
  /// Whether it lies dense with the channels outermost (of an image), or innermost.
  bool is_packed(bool channels_innermost) const;
  void pack(bool channels_innermost);
};

/// false: not one of the types that this stand-in computes with.
bool set_type(cudnnDataType_t from, Number& to);
cudnnDataType_t type_of(Number type);
cudnnStatus_t set_sizes(Shape& shape, int rank, const int* sizes);

/// The numbers of a tensor, the last size fastest, whatever its strides.
template <typename T>
std::vector<T> read(const Shape& shape, const void* memory);
/// alpha · values + beta · what is there; with beta 0 that is not read.
template <typename T>
void write(const Shape& shape, void* memory, const std::vector<T>& values, double alpha = 1,
           double beta = 0);

/// alpha or beta: in host memory, double for tensors of float64 and else float.
double factor(const void* from, Number type);

/// What cuDNN answers for an address; ends the program for memory that it could not reach.
cudnnStatus_t status_of(const void* memory, const Shape& shape, int device, const char* name);
cudnnStatus_t status_of_bytes(const void* memory, size_t bytes, size_t alignment, int device,
                              const char* name);

/// Of a call: the handle lives, its device is current, and nobody else uses it.
class HandleUse {
 public:
  HandleUse(cudnnHandle_t handle, const char* call);
  ~HandleUse();
  HandleUse(const HandleUse&) = delete;
  HandleUse& operator=(const HandleUse&) = delete;

  cudaStream_t stream() const;
  int device() const;

 private:
  cudnnHandle_t handle_;
};

}  // namespace nw::simulated::dnn

struct cudnnContext {
  int device;
  cudaStream_t stream;
  std::atomic<bool> in_use{false};
};

struct cudnnTensorStruct {
  nw::simulated::dnn::Shape shape;
};

struct cudnnFilterStruct {
  nw::simulated::dnn::Shape shape;
  bool innermost = false;
};

struct cudnnConvolutionStruct {
  int rank = 0;  // spatial dimensions; 0: not set
  int padding[3] = {}, stride[3] = {}, dilation[3] = {};
  cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  cudnnMathType_t math = CUDNN_DEFAULT_MATH;
  int groups = 1;
};

struct cudnnPoolingStruct {
  int rank = 0;
  cudnnPoolingMode_t mode = CUDNN_POOLING_MAX;
  bool keeps_nan = false;
  int window[3] = {}, padding[3] = {}, stride[3] = {};
};

struct cudnnDropoutStruct {
  bool is_set = false;
  float probability = 0;
};

namespace nw::simulated::dnn {

/// What cudnnCreate… and cudnnDestroy… do for each kind of object.
template <typename Object>
cudnnStatus_t create(Object** to) {
  if (to == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  *to = new Object;
  note_alive(*to);
  return CUDNN_STATUS_SUCCESS;
}

template <typename Object>
cudnnStatus_t destroy(Object* object, const char* call) {
  if (object == nullptr) return CUDNN_STATUS_SUCCESS;
  expect_alive(object, call);
  note_dead(object);
  delete object;
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace nw::simulated::dnn

/// Leaves the calling function with a status that is no success.
#define NW_DNN(expression)                                   \
  do {                                                       \
    const cudnnStatus_t nw_status = (expression);            \
    if (nw_status != CUDNN_STATUS_SUCCESS) return nw_status; \
  } while (false)
