#include "core/tensor/dtype.h"

#include <array>

#include "core/base/error.h"

namespace nw {
namespace {

struct DTypeInfo {
  std::string_view name;
  size_t bytes;
};

// In the order of the enumeration.
constexpr std::array<DTypeInfo, kDTypeCount> kInfo{{
    {"float32", 4},
    {"float64", 8},
    {"float16", 2},
    {"bfloat16", 2},
    {"complex64", 8},
    {"complex128", 16},
    {"int64", 8},
    {"int32", 4},
    {"int16", 2},
    {"int8", 1},
    {"uint8", 1},
    {"bool", 1},
}};

const DTypeInfo& info(DType dtype) {
  return kInfo[static_cast<size_t>(dtype)];
}

}  // namespace

size_t item_bytes(DType dtype) {
  return info(dtype).bytes;
}

std::string_view name(DType dtype) {
  return info(dtype).name;
}

DType dtype_from_name(std::string_view name) {
  for (int i = 0; i < kDTypeCount; ++i) {
    if (kInfo[static_cast<size_t>(i)].name == name) return static_cast<DType>(i);
  }
  throw Error(concat("[dtype] knows no type called '", name, "'"));
}

bool is_floating(DType dtype) {
  return dtype <= DType::BFloat16;
}

bool is_complex(DType dtype) {
  return dtype == DType::Complex64 || dtype == DType::Complex128;
}

bool is_whole(DType dtype) {
  return dtype >= DType::Int64 && dtype <= DType::UInt8;
}

bool is_half(DType dtype) {
  return dtype == DType::Float16 || dtype == DType::BFloat16;
}

DType real_of(DType dtype) {
  if (dtype == DType::Complex64) return DType::Float32;
  return dtype == DType::Complex128 ? DType::Float64 : dtype;
}

DType complex_of(DType dtype) {
  NW_ASSERT(is_floating(dtype) || is_complex(dtype));
  const bool is_double = dtype == DType::Float64 || dtype == DType::Complex128;
  return is_double ? DType::Complex128 : DType::Complex64;
}

DType promote_types(DType a, DType b) {
  if (a == b) return a;
  if (is_complex(a) || is_complex(b)) {
    const auto is_double = [](DType dtype) { return complex_of(dtype) == DType::Complex128; };
    const auto counts = [](DType dtype) { return is_complex(dtype) || is_floating(dtype); };
    const bool wide = (counts(a) && is_double(a)) || (counts(b) && is_double(b));
    return wide ? DType::Complex128 : DType::Complex64;
  }
  if (is_floating(a) || is_floating(b)) {
    if (!is_floating(b)) return a;
    if (!is_floating(a)) return b;
    return is_half(a) && is_half(b) ? DType::Float32
                                    : (is_half(a)   ? b
                                       : is_half(b) ? a
                                                    : DType::Float64);
  }
  if (a == DType::Bool) return b;
  if (b == DType::Bool) return a;
  // Of integers the wider; an unsigned byte fits into no signed one.
  if (item_bytes(a) != item_bytes(b)) return item_bytes(a) > item_bytes(b) ? a : b;
  return DType::Int16;
}

}  // namespace nw
