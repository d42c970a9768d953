#include "plugins/cuda/cudnn_handle.h"

#include <unordered_map>

#include "core/base/error.h"
#include "plugins/cuda/stream.h"

namespace nw::cuda {

void check_cudnn(cudnnStatus_t status, const char* call) {
  if (status == CUDNN_STATUS_SUCCESS) [[likely]]
    return;
  char detail[512] = "";
  NW_CUDNN(cudnnGetLastErrorString)(detail, sizeof(detail));
  throw Error(concat("[cuda] cuDNN could not ", call, ": ", NW_CUDNN(cudnnGetErrorString)(status),
                     *detail == '\0' ? "" : ": ", detail));
}

bool is_not_supported(cudnnStatus_t status) {
  return status >= CUDNN_STATUS_NOT_SUPPORTED && status < CUDNN_STATUS_NOT_SUPPORTED + 1000;
}

cudnnHandle_t cudnn_handle(int device) {
  // A handle is used by one thread at a time. Those of threads that end are kept: they may still
  // have work in their streams, and threads that train are few.
  static thread_local auto& handles = *new std::unordered_map<int, cudnnHandle_t>;
  cudnnHandle_t& handle = handles[device];
  if (handle == nullptr) check_cudnn(NW_CUDNN(cudnnCreate)(&handle), "start");
  check_cudnn(NW_CUDNN(cudnnSetStream)(handle, current_stream(device)), "set the stream");
  return handle;
}

cudnnDataType_t cudnn_type(DType dtype) {
  switch (dtype) {
    case DType::Float64:
      return CUDNN_DATA_DOUBLE;
    case DType::Float16:
      return CUDNN_DATA_HALF;
    case DType::BFloat16:
      return CUDNN_DATA_BFLOAT16;
    default:
      return CUDNN_DATA_FLOAT;
  }
}

CudnnBlend cudnn_blend(DType dtype) {
  static constexpr double kWideOne = 1;
  static constexpr double kWideZero = 0;
  static constexpr float kOne = 1;
  static constexpr float kZero = 0;
  return dtype == DType::Float64 ? CudnnBlend{&kWideOne, &kWideZero} : CudnnBlend{&kOne, &kZero};
}

}  // namespace nw::cuda
