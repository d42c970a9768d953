#pragma once

#include <cudnn.h>

#include "core/tensor/dtype.h"
#include "plugins/cuda/libraries.h"

/// A function of cuDNN, looked up once where it stands.
#define NW_CUDNN(function)                                                 \
  ([] {                                                                    \
    static auto* const address = NW_SYMBOL(::nw::cuda::cudnn(), function); \
    return address;                                                        \
  }())

namespace nw::cuda {

/// Throws Error for a status that is no success.
void check_cudnn(cudnnStatus_t status, const char* call);
/// Whether cuDNN says that it has no code for this, in one of its many ways.
bool is_not_supported(cudnnStatus_t status);

/// This thread's handle for the device, which is current, set to the current stream.
cudnnHandle_t cudnn_handle(int device);

cudnnDataType_t cudnn_type(DType dtype);

/// 1 and 0 as the factors of a result and of what stood in its place before.
struct CudnnBlend {
  const void* one;
  const void* zero;
};
/// For tensors of this dtype: in float64, or in float32.
CudnnBlend cudnn_blend(DType dtype);

/// A descriptor that is given back.
template <typename Descriptor>
class CudnnDescriptor {
 public:
  using Create = cudnnStatus_t (*)(Descriptor*);
  using Destroy = cudnnStatus_t (*)(Descriptor);

  CudnnDescriptor(Create create, Destroy destroy) : destroy_(destroy) {
    check_cudnn(create(&descriptor_), "create a descriptor");
  }
  ~CudnnDescriptor() { destroy_(descriptor_); }
  CudnnDescriptor(const CudnnDescriptor&) = delete;
  CudnnDescriptor& operator=(const CudnnDescriptor&) = delete;

  Descriptor get() const { return descriptor_; }

 private:
  Descriptor descriptor_ = nullptr;
  Destroy destroy_;
};

}  // namespace nw::cuda
