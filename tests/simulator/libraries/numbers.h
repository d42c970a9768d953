#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <bit>
#include <cstdint>
#include <vector>

namespace nw::simulated {

/// The types of numbers that NVIDIA's libraries read and write here.
enum class Number { Float64, Float32, Float16, BFloat16 };

inline size_t bytes_of(Number type) {
  switch (type) {
    case Number::Float64:
      return 8;
    case Number::Float32:
      return 4;
    default:
      return 2;
  }
}

inline bool is_half(Number type) {
  return type == Number::Float16 || type == Number::BFloat16;
}

template <typename T>
T number_at(Number type, const void* memory, int64_t index) {
  switch (type) {
    case Number::Float64:
      return static_cast<T>(static_cast<const double*>(memory)[index]);
    case Number::Float32:
      return static_cast<T>(static_cast<const float*>(memory)[index]);
    case Number::Float16:
      return static_cast<T>(__half2float(static_cast<const __half*>(memory)[index]));
    default:
      return static_cast<T>(__bfloat162float(static_cast<const __nv_bfloat16*>(memory)[index]));
  }
}

/// Rounds once.
template <typename T>
void put_number(Number type, void* memory, int64_t index, T value) {
  switch (type) {
    case Number::Float64:
      static_cast<double*>(memory)[index] = static_cast<double>(value);
      return;
    case Number::Float32:
      static_cast<float*>(memory)[index] = static_cast<float>(value);
      return;
    case Number::Float16:
      static_cast<__half*>(memory)[index] = __float2half_rn(static_cast<float>(value));
      return;
    case Number::BFloat16:
      static_cast<__nv_bfloat16*>(memory)[index] = __float2bfloat16_rn(static_cast<float>(value));
      return;
  }
}

/// A float32 number with the ten bits of mantissa that tensor cores keep.
inline float rounded_to_tf32(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7f800000u) == 0x7f800000u) return value;
  return std::bit_cast<float>((bits + 0x1000u) & 0xffffe000u);
}

template <typename T>
void round_to_tf32(std::vector<T>& values) {
  for (T& value : values) value = static_cast<T>(rounded_to_tf32(static_cast<float>(value)));
}

/// Calls with a zero of the type that sums are made in.
template <typename Function>
auto with_sums(Number type, const Function& function) {
  return type == Number::Float64 ? function(double{}) : function(float{});
}

}  // namespace nw::simulated
