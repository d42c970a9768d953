#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>

#include "core/base/parallel.h"
#include "core/tensor/shape.h"

namespace nw::cpu {

/// Steps through `kOperands` tensors of equal sizes and any strides, row by row, where a row is the
/// longest stretch over which each operand advances by one constant stride. Dimensions that can be
/// walked as one are merged first, so dense operands make a single row.
template <size_t kOperands>
class Walk {
 public:
  using Offsets = std::array<int64_t, kOperands>;

  Walk(const Dims& sizes, const std::array<const Dims*, kOperands>& strides) {
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] == 1) continue;
      Offsets steps;
      for (size_t k = 0; k < kOperands; ++k) steps[k] = (*strides[k])[i];
      if (!sizes_.empty() && merges(sizes[i], steps)) {
        sizes_.back() *= sizes[i];
        steps_[sizes_.size() - 1] = steps;
      } else {
        sizes_.push_back(sizes[i]);
        steps_[sizes_.size() - 1] = steps;
      }
    }
    if (!sizes_.empty()) {
      length_ = sizes_.back();
      strides_ = steps_[sizes_.size() - 1];
      sizes_.resize(sizes_.size() - 1);
    }
    rows_ = numel(sizes_);
  }

  int64_t rows() const { return length_ == 0 ? 0 : rows_; }
  int64_t length() const { return length_; }
  /// Step of each operand along a row.
  const Offsets& strides() const { return strides_; }

  /// Calls body(offsets) for the rows begin … end − 1, with where each operand's row starts.
  template <typename Body>
  void for_rows(int64_t begin, int64_t end, const Body& body) const {
    if (begin >= end) return;  // a size may be 0: nothing to divide by below
    Dims position(sizes_.size());
    Offsets offsets{};
    int64_t rest = begin;
    for (size_t i = sizes_.size(); i-- > 0;) {
      position[i] = rest % sizes_[i];
      rest /= sizes_[i];
      for (size_t k = 0; k < kOperands; ++k) offsets[k] += position[i] * steps_[i][k];
    }
    for (int64_t row = begin; row < end; ++row) {
      body(offsets);
      advance(position, offsets);
    }
  }

 private:
  bool merges(int64_t size, const Offsets& steps) const {
    const Offsets& outer = steps_[sizes_.size() - 1];
    for (size_t k = 0; k < kOperands; ++k) {
      if (outer[k] != steps[k] * size) return false;
    }
    return true;
  }

  void advance(Dims& position, Offsets& offsets) const {
    for (size_t i = sizes_.size(); i-- > 0;) {
      for (size_t k = 0; k < kOperands; ++k) offsets[k] += steps_[i][k];
      if (++position[i] < sizes_[i]) return;
      for (size_t k = 0; k < kOperands; ++k) offsets[k] -= sizes_[i] * steps_[i][k];
      position[i] = 0;
    }
  }

  Dims sizes_;  // of all but the row's own dimension
  std::array<Offsets, kMaxDims> steps_{};
  Offsets strides_{};
  int64_t length_ = 1;
  int64_t rows_ = 1;
};

/// A walk in the order in which the last operand lies in memory, whatever order its dimensions
/// have.
template <size_t kOperands>
Walk<kOperands> ordered_walk(const Dims& sizes, const std::array<const Dims*, kOperands>& strides) {
  const Dims& last = *strides[kOperands - 1];
  if (std::is_sorted(last.begin(), last.end(), std::greater<>())) {
    return Walk<kOperands>(sizes, strides);
  }
  SmallVector<size_t, kMaxDims> order(sizes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  // Not std::stable_sort, which asks for memory.
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return last[a] != last[b] ? last[a] > last[b] : a < b; });
  Dims ordered_sizes;
  std::array<Dims, kOperands> ordered;
  std::array<const Dims*, kOperands> pointers;
  for (size_t k = 0; k < kOperands; ++k) pointers[k] = &ordered[k];
  for (const size_t i : order) {
    ordered_sizes.push_back(sizes[i]);
    for (size_t k = 0; k < kOperands; ++k) ordered[k].push_back((*strides[k])[i]);
  }
  return Walk<kOperands>(ordered_sizes, pointers);
}

/// Calls body(offsets, length) over all of `walk`, in parallel where each thread gets at least
/// `grain` elements; a single long row is divided.
template <size_t kOperands, typename Body>
void parallel_walk(const Walk<kOperands>& walk, int64_t grain, const Body& body) {
  using Offsets = typename Walk<kOperands>::Offsets;
  if (walk.rows() == 0) return;
  if (walk.rows() == 1) {
    parallel_for(walk.length(), grain, [&](int64_t begin, int64_t end) {
      Offsets offsets;
      for (size_t k = 0; k < kOperands; ++k) offsets[k] = begin * walk.strides()[k];
      body(offsets, end - begin);
    });
    return;
  }
  const int64_t rows_grain = (grain + walk.length() - 1) / walk.length();
  parallel_for(walk.rows(), rows_grain, [&](int64_t begin, int64_t end) {
    walk.for_rows(begin, end, [&](const Offsets& offsets) { body(offsets, walk.length()); });
  });
}

}  // namespace nw::cpu
