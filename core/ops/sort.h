#pragma once

#include "core/tensor/tensor.h"

/// Elements put in order. Real and whole numbers and bool; NaN counts as largest. The names and
/// rules are torch's.
namespace nw::ops {

enum class Direction : uint8_t { Ascending, Descending };

struct Sorted {
  Tensor values;
  Tensor indices;  // int64: where each stood
};

/// Along a dimension; of equals the one that stood first comes first.
Sorted sort(const Tensor& x, int64_t dim = -1, Direction direction = Direction::Ascending);
/// sort()'s indices.
Tensor argsort(const Tensor& x, int64_t dim = -1, Direction direction = Direction::Ascending);

/// Which end topk takes.
enum class TopkOf : uint8_t { Largest, Smallest };
/// The k most extreme along a dimension, the most extreme first; of equals the one that stood
/// first.
Sorted topk(const Tensor& x, int64_t k, int64_t dim = -1, TopkOf of = TopkOf::Largest);

}  // namespace nw::ops
