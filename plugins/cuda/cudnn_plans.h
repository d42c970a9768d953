#pragma once

#include <memory>
#include <unordered_map>

#include "core/backend/creation.h"
#include "plugins/cuda/cudnn_handle.h"
#include "plugins/cuda/dense_sizes.h"

/// What our calls of cuDNN have in common.
namespace nw::cuda {

/// A dense tensor as cuDNN is told of it.
class CudnnTensor {
 public:
  CudnnTensor() = default;
  CudnnTensor(DType dtype, const DenseSizes& sizes, bool innermost) {
    int strides[5];
    sizes.strides(innermost, strides);
    check_cudnn(NW_CUDNN(cudnnSetTensorNdDescriptor)(get(), cudnn_type(dtype), sizes.rank, sizes.at,
                                                     strides),
                "describe a tensor");
  }
  cudnnTensorDescriptor_t get() const { return descriptor_.get(); }

 private:
  CudnnDescriptor<cudnnTensorDescriptor_t> descriptor_{NW_CUDNN(cudnnCreateTensorDescriptor),
                                                       NW_CUDNN(cudnnDestroyTensorDescriptor)};
};

/// What was made of a shape, once for each thread, as cuDNN's handles are.
template <typename Plan, typename Shape>
Plan& plan_for(const Shape& shape) {
  constexpr size_t kMostPlans = 1024;
  struct Hash {
    size_t operator()(const Shape& of) const { return hash_of(of); }
  };
  static thread_local std::unordered_map<Shape, std::unique_ptr<Plan>, Hash> plans;
  auto found = plans.find(shape);
  if (found == plans.end()) {
    if (plans.size() >= kMostPlans) plans.clear();
    found = plans.emplace(shape, std::make_unique<Plan>(shape)).first;
  }
  return *found->second;
}

/// Memory that cuDNN wants besides: undefined for no bytes.
inline Tensor room_for(size_t bytes, const Tensor& like) {
  return bytes == 0 ? Tensor() : empty({static_cast<int64_t>(bytes)}, DType::UInt8, like.device());
}
inline void* memory_of(const Tensor& tensor) {
  return tensor.defined() ? tensor.raw() : nullptr;
}

}  // namespace nw::cuda
