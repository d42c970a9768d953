#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/backend/kernel_types.h"
#include "core/tensor/dtype.h"

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
/// A function for both sides: what it computes is proved on the CPU.
#define NW_BOTH __host__ __device__ __forceinline__
#else
#define NW_BOTH inline
#endif

/// Number types of the kernels. 16-bit numbers are stored as such and computed with as float.
namespace nw::cuda {

/// float16 and bfloat16 in memory.
struct Float16 {
  uint16_t bits;
};
struct BrainFloat16 {
  uint16_t bits;
};

template <typename T>
struct WideOf {
  using type = T;
};
template <>
struct WideOf<Float16> {
  using type = float;
};
template <>
struct WideOf<BrainFloat16> {
  using type = float;
};
/// In what numbers of type T are computed with.
template <typename T>
using Wide = typename WideOf<T>::type;

/// In what numbers are added up: float for 16 bits and float32, double for float64.
template <typename T>
using Sum = Wide<T>;

template <typename T>
NW_BOTH T widen(T x) {
  return x;
}
NW_BOTH float widen(Float16 x) {
#ifdef __CUDACC__
  return __half2float(__ushort_as_half(x.bits));
#else
  return static_cast<float>(std::bit_cast<Half>(x.bits));
#endif
}
NW_BOTH float widen(BrainFloat16 x) {
#ifdef __CUDA_ARCH__
  return __uint_as_float(static_cast<uint32_t>(x.bits) << 16);
#else
  return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16);
#endif
}

/// Rounded once, to nearest.
template <typename T>
NW_BOTH T narrow(Wide<T> x) {
  if constexpr (std::is_same_v<T, Float16>) {
#ifdef __CUDACC__
    return {__half_as_ushort(__float2half_rn(x))};
#else
    return {std::bit_cast<uint16_t>(static_cast<Half>(x))};
#endif
  } else if constexpr (std::is_same_v<T, BrainFloat16>) {
#ifdef __CUDACC__
    return {__bfloat16_as_ushort(__float2bfloat16_rn(x))};
#else
    return {BFloat16::from(x).bits};
#endif
  } else {
    return x;
  }
}

/// Constants that device code may use, too.
template <typename F>
NW_BOTH F infinity() {
  return static_cast<F>(HUGE_VAL);
}
template <typename F>
NW_BOTH F not_a_number() {
  return static_cast<F>(NAN);
}

/// Calls body(T()) with the type in memory of a floating dtype. False: it is none.
template <typename Body>
bool with_real(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::Float32:
      body(float());
      return true;
    case DType::Float64:
      body(double());
      return true;
    case DType::Float16:
      body(Float16());
      return true;
    case DType::BFloat16:
      body(BrainFloat16());
      return true;
    default:
      return false;
  }
}

/// 16 bytes of no type, and calling body(T()) with a type of an item's size.
struct alignas(16) Item16 {
  uint64_t parts[2];
};
template <typename Body>
void with_item(DType dtype, const Body& body) {
  switch (item_bytes(dtype)) {
    case 1:
      return body(uint8_t());
    case 2:
      return body(uint16_t());
    case 4:
      return body(uint32_t());
    case 8:
      return body(uint64_t());
    default:
      return body(Item16());
  }
}

/// A number of a 16-bit or 32-bit floating dtype that is known at run time only, as float; of
/// float64, as double. One kernel then serves three dtypes.
template <typename F>
NW_BOTH F load_real(const void* memory, DType dtype, int64_t i) {
  if constexpr (std::is_same_v<F, double>) {
    return static_cast<const double*>(memory)[i];
  } else {
    if (dtype == DType::Float32) return static_cast<const float*>(memory)[i];
    if (dtype == DType::Float16) return widen(static_cast<const Float16*>(memory)[i]);
    return widen(static_cast<const BrainFloat16*>(memory)[i]);
  }
}
template <typename F>
NW_BOTH void store_real(void* memory, DType dtype, int64_t i, F value) {
  if constexpr (std::is_same_v<F, double>) {
    static_cast<double*>(memory)[i] = value;
  } else {
    if (dtype == DType::Float32) {
      static_cast<float*>(memory)[i] = value;
    } else if (dtype == DType::Float16) {
      static_cast<Float16*>(memory)[i] = narrow<Float16>(value);
    } else {
      static_cast<BrainFloat16*>(memory)[i] = narrow<BrainFloat16>(value);
    }
  }
}

/// Whole numbers and bool of any width, as int64.
NW_BOTH int64_t load_whole(const void* memory, DType dtype, int64_t i) {
  switch (dtype) {
    case DType::Int64:
      return static_cast<const int64_t*>(memory)[i];
    case DType::Int32:
      return static_cast<const int32_t*>(memory)[i];
    case DType::Int16:
      return static_cast<const int16_t*>(memory)[i];
    case DType::Int8:
      return static_cast<const int8_t*>(memory)[i];
    default:  // UInt8, and Bool as 0 and 1
      return static_cast<const uint8_t*>(memory)[i];
  }
}
/// What does not fit wraps around; of bool anything but 0 is true.
NW_BOTH void store_whole(void* memory, DType dtype, int64_t i, int64_t value) {
  switch (dtype) {
    case DType::Int64:
      static_cast<int64_t*>(memory)[i] = value;
      return;
    case DType::Int32:
      static_cast<int32_t*>(memory)[i] = static_cast<int32_t>(value);
      return;
    case DType::Int16:
      static_cast<int16_t*>(memory)[i] = static_cast<int16_t>(value);
      return;
    case DType::Int8:
      static_cast<int8_t*>(memory)[i] = static_cast<int8_t>(value);
      return;
    case DType::UInt8:
      static_cast<uint8_t*>(memory)[i] = static_cast<uint8_t>(value);
      return;
    default:
      static_cast<uint8_t*>(memory)[i] = value != 0 ? 1 : 0;
  }
}

}  // namespace nw::cuda
