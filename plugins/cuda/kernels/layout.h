#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <numeric>

#include "core/tensor/shape.h"
#include "plugins/cuda/kernels/number.h"

/// How kernels find the elements of strided tensors.
namespace nw::cuda {

/// Divides numbers below 2³¹ by a constant with a multiplication and a shift (Granlund and
/// Montgomery 1994).
struct Divisor {
  uint32_t value = 1;
  uint32_t factor = 1;
  uint32_t shift = 0;

  Divisor() = default;
  /// 0, the size of a dimension where there is nothing to divide, counts as 1.
  explicit Divisor(int64_t divisor) : value(static_cast<uint32_t>(divisor > 0 ? divisor : 1)) {
    while ((uint64_t{1} << shift) < value) ++shift;
    const uint64_t excess = (uint64_t{1} << shift) - value;
    factor = static_cast<uint32_t>((excess << 32) / value + 1);
  }
  NW_BOTH uint32_t quotient(uint32_t number) const {
    const auto high = static_cast<uint32_t>((uint64_t{number} * factor) >> 32);
    return (high + number) >> shift;
  }
};

template <int kOperands>
struct Offsets {
  int64_t at[kOperands];

  NW_BOTH int64_t operator[](int k) const { return at[k]; }
};

/// Where element number i of a nest of loops lies in each operand; passed to kernels.
template <int kOperands>
struct Layout {
  int rank = 0;
  Divisor sizes[kMaxDims];  // innermost first
  int64_t strides[kMaxDims][kOperands] = {};
  Offsets<kOperands> start{};

  NW_BOTH Offsets<kOperands> operator()(uint32_t i) const {
    Offsets<kOperands> offsets = start;
    for (int d = 0; d < rank; ++d) {
      const uint32_t rest = d + 1 < rank ? sizes[d].quotient(i) : 0;
      const int64_t position = i - rest * sizes[d].value;
      for (int k = 0; k < kOperands; ++k) offsets.at[k] += position * strides[d][k];
      i = rest;
    }
    return offsets;
  }
};

/// One operand's dimensions as they are, up to 2³¹ elements.
inline Layout<1> ordered_layout(const Dims& sizes, const Dims& strides) {
  Layout<1> layout;
  for (size_t d = sizes.size(); d-- > 0;) {
    layout.sizes[layout.rank] = Divisor(sizes[d]);
    layout.strides[layout.rank++][0] = strides[d];
  }
  return layout;
}

/// The loops over tensors of equal sizes: dimensions that can be walked as one are merged,
/// outermost first in the order in which the last operand lies in memory.
template <int kOperands>
class Nest {
 public:
  using Strides = std::array<Dims, kOperands>;

  Nest(const Dims& sizes, const Strides& strides) {
    SmallVector<size_t, kMaxDims> order(sizes.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const Dims& last = strides[kOperands - 1];
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return last[a] > last[b]; });
    for (const size_t d : order) {
      if (sizes[d] == 1) continue;
      if (!sizes_.empty() && merges(strides, d, sizes[d])) {
        sizes_.back() *= sizes[d];
        for (int k = 0; k < kOperands; ++k) strides_[k].back() = strides[k][d];
      } else {
        sizes_.push_back(sizes[d]);
        for (int k = 0; k < kOperands; ++k) strides_[k].push_back(strides[k][d]);
      }
    }
  }

  int64_t numel() const { return nw::numel(sizes_); }
  const Dims& sizes() const { return sizes_; }
  /// Whether operand k is one stretch of memory, walked from its beginning to its end.
  bool is_dense(int k) const {
    return sizes_.empty() || (sizes_.size() == 1 && strides_[k][0] == 1);
  }
  /// Whether operand k is one number.
  bool is_one(int k) const {
    return std::all_of(strides_[k].begin(), strides_[k].end(), [](int64_t s) { return s == 0; });
  }

  /// Counts in groups of `items` neighbours, if all operands allow it; the caller sees to it that
  /// they begin where a group may. An operand that is not among `grouped` (bits) must be the same
  /// for all neighbours.
  bool widen(int64_t items, unsigned grouped = ~0u) {
    if (sizes_.empty() || sizes_.back() % items != 0) return false;
    for (unsigned k = 0; k < kOperands; ++k) {
      const Dims& strides = strides_[k];
      const bool in_groups = (grouped >> k & 1u) != 0;
      if (strides.back() != (in_groups ? 1 : 0)) return false;
      for (size_t d = 0; in_groups && d + 1 < strides.size(); ++d) {
        if (strides[d] % items != 0) return false;
      }
    }
    sizes_.back() /= items;
    for (unsigned k = 0; k < kOperands; ++k) {
      if ((grouped >> k & 1u) == 0) continue;
      for (size_t d = 0; d + 1 < strides_[k].size(); ++d) strides_[k][d] /= items;
    }
    return true;
  }

  /// Calls body(layout, count) for pieces of at most `most` elements, 2³¹ − 1 by default.
  template <typename Body>
  void for_pieces(const Body& body, int64_t most = INT32_MAX) const {
    if (numel() > 0) pieces_from(sizes_, Offsets<kOperands>{}, most, body);
  }

 private:
  bool merges(const Strides& strides, size_t d, int64_t size) const {
    for (int k = 0; k < kOperands; ++k) {
      if (strides_[k].back() != strides[k][d] * size) return false;
    }
    return true;
  }

  template <typename Body>
  void pieces_from(Dims sizes, Offsets<kOperands> start, int64_t most, const Body& body) const {
    if (nw::numel(sizes) <= most) {
      body(layout_of(sizes, start), static_cast<uint32_t>(nw::numel(sizes)));
      return;
    }
    const auto longest = std::max_element(sizes.begin(), sizes.end());
    const auto d = static_cast<size_t>(longest - sizes.begin());
    const int64_t half = *longest / 2;
    const int64_t rest = *longest - half;
    sizes[d] = half;
    pieces_from(sizes, start, most, body);
    for (int k = 0; k < kOperands; ++k) start.at[k] += half * strides_[k][d];
    sizes[d] = rest;
    pieces_from(sizes, start, most, body);
  }

  Layout<kOperands> layout_of(const Dims& sizes, const Offsets<kOperands>& start) const {
    Layout<kOperands> layout;
    layout.start = start;
    for (size_t d = sizes.size(); d-- > 0;) {
      layout.sizes[layout.rank] = Divisor(sizes[d]);
      for (int k = 0; k < kOperands; ++k) layout.strides[layout.rank][k] = strides_[k][d];
      ++layout.rank;
    }
    return layout;
  }

  Dims sizes_;
  Strides strides_;
};

}  // namespace nw::cuda
