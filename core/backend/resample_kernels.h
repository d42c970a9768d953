#pragma once

#include <cstdint>
#include <vector>

#include "core/backend/backend.h"
#include "core/tensor/tensor.h"

namespace nw {

/// A sparse linear map along one dimension: output i is the sum of weight[k] · input[source[k]] for
/// k from first[i] to first[i + 1] − 1.
struct AxisMap {
  int64_t inputs = 0;
  std::vector<int64_t> first;  // one more than there are outputs
  std::vector<int64_t> source;
  std::vector<double> weight;

  int64_t outputs() const { return static_cast<int64_t>(first.size()) - 1; }
};

/// Where windows of any sizes begin and end along one dimension.
struct AxisRanges {
  std::vector<int64_t> begin, end;
};

/// Images to other sizes. Dense row-major, float32 and float64; planes are flat, indices int64 and
/// within a plane.
struct ResampleKernels {
  /// x (outer, inputs, inner) -> y (outer, outputs, inner)
  void (*along_axis)(const Tensor& x, const AxisMap& map, const Tensor& y);
  /// x (planes, depth, height, width) -> y, indices (planes, …): the largest of each window, chosen
  /// as by max_pool. Windows are not empty.
  void (*max_of_ranges)(const Tensor& x, const std::vector<AxisRanges>& axes, const Tensor& y,
                        const Tensor& indices);
  /// x, indices (planes, n) -> y (planes, m), 0 but for y[indices] = x. Throws Error for an index
  /// outside.
  void (*scatter)(const Tensor& x, const Tensor& indices, const Tensor& y);
  /// y (planes, n) = x (planes, m)[indices]
  void (*gather)(const Tensor& x, const Tensor& indices, const Tensor& y);
  /// x (N, C, spatial…) -> columns (N, C · kernel, windows), padded by 0
  void (*unfold)(const Tensor& x, const Window& window, const Tensor& columns);
  /// The transposed map: what meets in an element is added up
  void (*fold)(const Tensor& columns, const Window& window, const Tensor& x);
};

}  // namespace nw
