#pragma once

#include "core/backend/index_kernels.h"
#include "plugins/cuda/kernels/convert.h"

/// Moving and adding elements whose dtype is known at run time only.
namespace nw::cuda {

template <typename T>
NW_BOTH void copy_as(void* out, int64_t to, const void* in, int64_t from) {
  static_cast<T*>(out)[to] = static_cast<const T*>(in)[from];
}

NW_BOTH int bytes_of_item(DType dtype) {
  switch (dtype) {
    case DType::Complex128:
      return 16;
    case DType::Float64:
    case DType::Int64:
    case DType::Complex64:
      return 8;
    case DType::Float32:
    case DType::Int32:
      return 4;
    case DType::Float16:
    case DType::BFloat16:
    case DType::Int16:
      return 2;
    default:
      return 1;
  }
}

/// out[to] = in[from], of one dtype
NW_BOTH void copy_item(void* out, int64_t to, const void* in, int64_t from, DType dtype) {
  switch (bytes_of_item(dtype)) {
    case 16:
      return copy_as<Item16>(out, to, in, from);
    case 8:
      return copy_as<uint64_t>(out, to, in, from);
    case 4:
      return copy_as<uint32_t>(out, to, in, from);
    case 2:
      return copy_as<uint16_t>(out, to, in, from);
    default:
      return copy_as<uint8_t>(out, to, in, from);
  }
}

/// out[to] += in[from]: 16-bit numbers are rounded each time, bools are joined.
NW_BOTH void add_item(void* out, int64_t to, const void* in, int64_t from, DType dtype) {
  switch (dtype) {
    case DType::Float32:
    case DType::Float16:
    case DType::BFloat16:
      return store_real<float>(
          out, dtype, to, load_real<float>(out, dtype, to) + load_real<float>(in, dtype, from));
    case DType::Float64:
      static_cast<double*>(out)[to] += static_cast<const double*>(in)[from];
      return;
    case DType::Complex64:
      static_cast<float*>(out)[2 * to] += static_cast<const float*>(in)[2 * from];
      static_cast<float*>(out)[2 * to + 1] += static_cast<const float*>(in)[2 * from + 1];
      return;
    case DType::Complex128:
      static_cast<double*>(out)[2 * to] += static_cast<const double*>(in)[2 * from];
      static_cast<double*>(out)[2 * to + 1] += static_cast<const double*>(in)[2 * from + 1];
      return;
    default: {
      const auto sum = static_cast<uint64_t>(load_whole(out, dtype, to)) +
                       static_cast<uint64_t>(load_whole(in, dtype, from));
      store_whole(out, dtype, to, static_cast<int64_t>(sum));
    }
  }
}

NW_BOTH void put_item(PutMode mode, void* out, int64_t to, const void* in, int64_t from,
                      DType dtype) {
  if (mode == PutMode::Add) {
    add_item(out, to, in, from, dtype);
  } else {
    copy_item(out, to, in, from, dtype);
  }
}

NW_BOTH bool is_zero_item(const void* memory, DType dtype, int64_t i) {
  const Value value = load_value(memory, dtype, i);
  return value.kind == Value::Kind::Whole ? value.whole == 0 : value.real == 0 && value.imag == 0;
}

}  // namespace nw::cuda
