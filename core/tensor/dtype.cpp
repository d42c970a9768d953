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

}  // namespace nw
