#include "plugins/cuda/product.h"

#include <algorithm>

namespace nw::cuda {

std::optional<MatrixOperand> operand_of(int64_t rows, int64_t columns, int64_t row_stride,
                                        int64_t column_stride) {
  if ((column_stride == 1 || columns == 1) && (rows == 1 || row_stride >= columns)) {
    return MatrixOperand{false, rows == 1 ? columns : row_stride};
  }
  if ((row_stride == 1 || rows == 1) && (columns == 1 || column_stride >= rows)) {
    return MatrixOperand{true, columns == 1 ? rows : column_stride};
  }
  return std::nullopt;
}

size_t ProductKeyHash::operator()(const ProductKey& key) const {
  size_t hash = 0;
  const auto mix = [&](auto value) {
    hash ^= static_cast<size_t>(value) + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
  };
  mix(static_cast<int>(key.dtype));
  for (const int64_t value :
       {key.batch, key.m, key.n, key.k, key.a.leading, key.b.leading, key.a_batch, key.b_batch}) {
    mix(value);
  }
  mix(key.a.transposed + 2 * key.b.transposed + 4 * key.bias + 8 * key.tf32 + 16 * key.relu);
  mix(key.alignment);
  mix(key.device);
  return hash;
}

uint8_t common_alignment(std::initializer_list<const void*> addresses) {
  uintptr_t bits = 16;
  for (const void* address : addresses) bits |= reinterpret_cast<uintptr_t>(address);
  return static_cast<uint8_t>(std::min<uintptr_t>(bits & (~bits + 1), 16));
}

}  // namespace nw::cuda
