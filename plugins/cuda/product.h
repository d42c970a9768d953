#pragma once

#include <cstdint>
#include <optional>

#include "core/tensor/tensor.h"

namespace nw::cuda {

/// A matrix as cuBLAS wants it, which counts columns first: ours, row-major, is its transpose.
struct MatrixOperand {
  bool transposed = false;  // against ours
  int64_t leading = 0;      // numbers from one row of ours, or column, to the next
  friend bool operator==(const MatrixOperand&, const MatrixOperand&) = default;
};

/// How a matrix of `rows` × `columns` with these strides is passed; none: only as a dense copy.
std::optional<MatrixOperand> operand_of(int64_t rows, int64_t columns, int64_t row_stride,
                                        int64_t column_stride);

/// All that the choice of a cuBLASLt algorithm depends on: out (m, n) = a (m, k) · b (k, n),
/// `batch` times, plus a bias (n), and with what is negative cut off (relu).
struct ProductKey {
  DType dtype;
  int device;
  int64_t batch, m, n, k;
  MatrixOperand a, b;
  int64_t a_batch, b_batch;  // numbers from one matrix to the next
  bool bias, tf32, relu;
  uint8_t alignment;  // bytes, at most 16, at which all operands begin
  friend bool operator==(const ProductKey&, const ProductKey&) = default;
};

struct ProductKeyHash {
  size_t operator()(const ProductKey& key) const;
};

/// The largest power of two up to 16 that divides all addresses.
uint8_t common_alignment(std::initializer_list<const void*> addresses);

}  // namespace nw::cuda
