#pragma once

#include "plugins/cuda/kernels/block.h"
#include "plugins/cuda/kernels/layout.h"

/// Two sums for each channel of (outer, C, inner), in an order that does not change.
namespace nw::cuda {

template <typename F>
struct Pair {
  F first, second;
};
template <typename F>
__device__ __forceinline__ Pair<F> operator+(const Pair<F>& a, const Pair<F>& b) {
  return {a.first + b.first, a.second + b.second};
}
template <typename F>
__device__ __forceinline__ Pair<F> shuffle_xor(const Pair<F>& pair, int mask) {
  return {__shfl_xor_sync(kAllLanes, pair.first, mask),
          __shfl_xor_sync(kAllLanes, pair.second, mask)};
}

/// The shape, and in how many parts the numbers of a channel are added up.
struct ChannelShape {
  int64_t outer, channels, inner, parts;
  Divisor by_inner{inner};
  bool small = outer * inner <= INT32_MAX;

  NW_BOTH int64_t numbers() const { return outer * inner; }
  NW_BOTH int64_t begin(int64_t part) const { return numbers() * part / parts; }
  /// Which of the outer ones number n of a channel belongs to.
  NW_BOTH int64_t outer_of(int64_t n) const {
    return small ? by_inner.quotient(static_cast<uint32_t>(n)) : n / inner;
  }
};

/// Term: `Pair<F> operator()(int64_t outer, int64_t channel, int64_t at) const`, where `at` is the
/// number's place. Sums are (parts, C).
template <typename F, typename Term>
__global__ void channel_rows(ChannelShape shape, Term term, Pair<F>* sums) {
  for (int64_t i = blockIdx.x; i < shape.channels * shape.parts; i += gridDim.x) {
    const int64_t channel = i % shape.channels;
    const int64_t end = shape.begin(i / shape.channels + 1);
    Pair<F> total{0, 0};
    for (int64_t n = shape.begin(i / shape.channels) + threadIdx.x; n < end; n += blockDim.x) {
      const int64_t outer = shape.outer_of(n);
      const int64_t at =
          (outer * shape.channels + channel) * shape.inner + (n - outer * shape.inner);
      total = total + term(outer, channel, at);
    }
    total = block_reduce(total, Plus<Pair<F>>{});
    if (threadIdx.x == 0) sums[i] = total;
  }
}

/// The same where the channels lie side by side (inner is 1): neighbours read neighbours.
inline constexpr int kTile = 32;

template <typename F, typename Term>
__global__ void channel_columns(ChannelShape shape, Term term, Pair<F>* sums) {
  __shared__ Pair<F> rows[kThreads];
  const int column = static_cast<int>(threadIdx.x) % kTile;
  const int row = static_cast<int>(threadIdx.x) / kTile;
  const int64_t tiles = (shape.channels + kTile - 1) / kTile;
  for (int64_t i = blockIdx.x; i < tiles * shape.parts; i += gridDim.x) {
    const int64_t channel = i % tiles * kTile + column;
    const int64_t part = i / tiles;
    Pair<F> total{0, 0};
    if (channel < shape.channels) {
      const int64_t end = shape.begin(part + 1);
      for (int64_t n = shape.begin(part) + row; n < end; n += kThreads / kTile) {
        total = total + term(n, channel, n * shape.channels + channel);
      }
    }
    rows[threadIdx.x] = total;
    __syncthreads();
    if (row == 0 && channel < shape.channels) {
      for (int r = 1; r < kThreads / kTile; ++r) total = total + rows[r * kTile + column];
      sums[part * shape.channels + channel] = total;
    }
    __syncthreads();
  }
}

/// The parts of one channel, joined in double.
template <typename F>
__device__ __forceinline__ Pair<double> joined(const Pair<F>* sums, const ChannelShape& shape,
                                               int64_t channel) {
  Pair<double> total{0, 0};
  for (int64_t part = 0; part < shape.parts; ++part) {
    const Pair<F>& own = sums[part * shape.channels + channel];
    total.first += static_cast<double>(own.first);
    total.second += static_cast<double>(own.second);
  }
  return total;
}

/// Sums (parts, C) of the terms; use them with joined().
template <typename F>
class ChannelSums {
 public:
  ChannelSums(int64_t outer, int64_t channels, int64_t inner, const Tensor& like)
      : shape_{outer, channels, inner, parts_for(outer, channels, inner)},
        sums_(shape_.parts * channels, like) {}

  template <typename Term>
  void run(const Term& term) const {
    if (shape_.channels == 0) return;
    if (by_columns(shape_.inner, shape_.channels)) {
      const int64_t tiles = (shape_.channels + kTile - 1) / kTile;
      launch(channel_columns<F, Term>, blocks_for_rows(tiles * shape_.parts, kThreads), kThreads, 0,
             shape_, term, sums_.data());
    } else {
      const int threads = threads_for_row(shape_.numbers() / shape_.parts);
      launch(channel_rows<F, Term>, blocks_for_rows(shape_.channels * shape_.parts, threads),
             threads, 0, shape_, term, sums_.data());
    }
  }
  const ChannelShape& shape() const { return shape_; }
  const Pair<F>* data() const { return sums_.data(); }

 private:
  static bool by_columns(int64_t inner, int64_t channels) { return inner == 1 && channels > 1; }
  static int64_t parts_for(int64_t outer, int64_t channels, int64_t inner) {
    const bool columns = by_columns(inner, channels);
    const int64_t items = columns ? (channels + kTile - 1) / kTile : channels;
    const int64_t least = 16 * (columns ? kThreads / kTile : kThreads);
    return std::clamp<int64_t>(
        std::min(most_blocks() / std::max<int64_t>(items, 1), outer * inner / least), 1, 64);
  }

  ChannelShape shape_;
  Scratch<Pair<F>> sums_;
};

}  // namespace nw::cuda
