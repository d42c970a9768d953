#pragma once

#include "core/tensor/tensor.h"

namespace nw::cpu {

/// `batch` products of (m, k) and (k, n), strides in elements, the results dense one after the
/// other.
struct PlainProduct {
  int64_t batch, m, n, k;
  int64_t a_batch, a_row, a_col;
  int64_t b_batch, b_row, b_col;
};

/// For whole and complex numbers, in plain loops.
void plain_product(const PlainProduct& product, const Tensor& a, const Tensor& b,
                   const Tensor& out);

}  // namespace nw::cpu
