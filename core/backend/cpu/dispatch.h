#pragma once

#include "core/tensor/tensor.h"

namespace nw::cpu {

/// Elements that a thread should get at least: of work that is memory traffic and a few operations
/// for each element, and of work with elementary functions.
inline constexpr int64_t kGrain = 16384;
inline constexpr int64_t kHeavyGrain = 4096;

/// Calls body(T()) with T the element type of a floating-point tensor.
template <typename Body>
void with_floating(const Tensor& tensor, std::string_view op, const Body& body) {
  if (tensor.dtype() == DType::Float32) {
    body(float());
  } else {
    NW_CHECK(tensor.dtype() == DType::Float64, "[", op, "] expects float32 or float64, gets ",
             name(tensor.dtype()));
    body(double());
  }
}

/// A tensor's numbers; null for an undefined one.
template <typename T>
T* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<T>() : nullptr;
}

}  // namespace nw::cpu
