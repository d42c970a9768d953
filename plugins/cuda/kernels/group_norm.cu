#include "plugins/cuda/kernels/channel_sums.h"
#include "plugins/cuda/kernels/convert.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/map.h"

namespace nw::cuda {
namespace {

/// x (samples, groups, channels, inner): a row is what shares its statistics.
struct Groups {
  int64_t samples, groups, channels, inner;

  explicit Groups(const Tensor& x)
      : samples(x.size(0)), groups(x.size(1)), channels(x.size(2)), inner(x.size(3)) {}
  NW_BOTH int64_t rows() const { return samples * groups; }
  NW_BOTH int64_t row() const { return channels * inner; }
  NW_BOTH int64_t weights() const { return groups * channels; }
  /// The weight of number j of a row.
  NW_BOTH int64_t weight_of(int64_t row, int64_t j) const {
    return row % groups * channels + (inner == 1 ? j : j / inner);
  }
};

template <typename F>
struct Gains {
  const void* memory;
  DType dtype;

  explicit Gains(const Tensor& weights)
      : memory(numbers<const void>(weights)),
        dtype(weights.defined() ? weights.dtype() : DType::Float32) {}
  NW_BOTH F operator()(int64_t i, F otherwise) const {
    return memory == nullptr ? otherwise : load_real<F>(memory, dtype, i);
  }
};

template <typename F>
struct Moments {
  F mean, variance;
};

/// Of a row, by all threads of a block. Distances are taken from a number of the row first and from
/// the mean then, so that a row of equal numbers has a variance of exactly 0.
template <typename T>
__device__ Moments<Wide<T>> moments_of(const T* row, int64_t length) {
  using F = Wide<T>;
  const auto count = static_cast<F>(length);
  const F base = length > 0 ? widen(row[0]) : F(0);
  F total = 0;
  for (int64_t j = threadIdx.x; j < length; j += blockDim.x) total += widen(row[j]) - base;
  const F middle = base + block_reduce(total, Plus<F>{}) / count;
  Pair<F> apart{0, 0};
  for (int64_t j = threadIdx.x; j < length; j += blockDim.x) {
    const F distance = widen(row[j]) - middle;
    apart = apart + Pair<F>{distance, distance * distance};
  }
  apart = block_reduce(apart, Plus<Pair<F>>{});
  const F rest = apart.first / count;  // what rounding left in the middle
  const F variance = apart.second / count - rest * rest;
  return {middle + rest, variance < 0 ? F(0) : variance};
}

template <typename T>
__global__ void group_norm_rows(const T* x, Groups g, Gains<Wide<T>> weight, Gains<Wide<T>> bias,
                                Wide<T> eps, T* y, Wide<T>* means, Wide<T>* rstds) {
  using F = Wide<T>;
  const int64_t length = g.row();
  for (int64_t row = blockIdx.x; row < g.rows(); row += gridDim.x) {
    const T* from = x + row * length;
    const Moments<F> moments = moments_of(from, length);
    const F mean = moments.mean;
    const F variance = moments.variance;
    const F rstd = 1 / std::sqrt(variance + eps);
    if (threadIdx.x == 0) {
      means[row] = mean;
      rstds[row] = rstd;
    }
    for (int64_t j = threadIdx.x; j < length; j += blockDim.x) {
      const int64_t w = g.weight_of(row, j);
      y[row * length + j] = narrow<T>((widen(from[j]) - mean) * (weight(w, 1) * rstd) + bias(w, 0));
    }
  }
}

template <typename T>
__global__ void group_norm_grad_rows(const T* grad, const T* x, Groups g, const Wide<T>* means,
                                     const Wide<T>* rstds, Gains<Wide<T>> weight, T* grad_x) {
  using F = Wide<T>;
  const int64_t length = g.row();
  for (int64_t row = blockIdx.x; row < g.rows(); row += gridDim.x) {
    const T* slopes = grad + row * length;
    const T* from = x + row * length;
    const F mean = means[row];
    const F rstd = rstds[row];
    Pair<F> total{0, 0};
    for (int64_t j = threadIdx.x; j < length; j += blockDim.x) {
      const F slope = widen(slopes[j]) * weight(g.weight_of(row, j), 1);
      total = total + Pair<F>{slope, slope * (widen(from[j]) - mean)};
    }
    total = block_reduce(total, Plus<Pair<F>>{});
    const F share = rstd / static_cast<F>(length);
    const F curve = -share * total.second * rstd * rstd;
    for (int64_t j = threadIdx.x; j < length; j += blockDim.x) {
      const F gain = weight(g.weight_of(row, j), 1) * rstd;
      grad_x[row * length + j] = narrow<T>(widen(slopes[j]) * gain +
                                           ((widen(from[j]) - mean) * curve - share * total.first));
    }
  }
}

/// Of each weight: Σ grad, and Σ grad · (x − mean) · rstd.
template <typename T>
struct WeightTerm {
  const T* grad;
  const T* x;
  const Wide<T>* means;
  const Wide<T>* rstds;
  int64_t groups, channels;

  __device__ Pair<Wide<T>> operator()(int64_t sample, int64_t weight, int64_t at) const {
    const int64_t row = sample * groups + (groups == 1 ? 0 : weight / channels);
    const Wide<T> slope = widen(grad[at]);
    return {slope, slope * (widen(x[at]) - means[row]) * rstds[row]};
  }
};

template <typename F>
struct FinishWeights {
  ChannelShape shape;
  const Pair<F>* sums;
  void* grad_weight;
  void* grad_bias;
  DType dtype;

  __device__ void operator()(int64_t i) const {
    const Pair<double> total = joined(sums, shape, i);
    if (grad_weight != nullptr) {
      store_real<F>(grad_weight, dtype, i, static_cast<F>(total.second));
    }
    if (grad_bias != nullptr) store_real<F>(grad_bias, dtype, i, static_cast<F>(total.first));
  }
};

}  // namespace

void group_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                const Tensor& y, const Tensor& mean, const Tensor& rstd) {
  const Groups g(x);
  const int threads = threads_for_row(g.row());
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    using F = Wide<T>;
    launch(group_norm_rows<T>, blocks_for_rows(g.rows(), threads), threads, 0, numbers<T>(x), g,
           Gains<F>(weight), Gains<F>(bias), static_cast<F>(eps), numbers<T>(y), numbers<F>(mean),
           numbers<F>(rstd));
  });
}

void group_norm_grad(const Tensor& grad, const Tensor& x, const Tensor& mean, const Tensor& rstd,
                     const Tensor& weight, const Tensor& grad_x, const Tensor& grad_weight,
                     const Tensor& grad_bias) {
  const Groups g(x);
  const int threads = threads_for_row(g.row());
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    using F = Wide<T>;
    if (grad_x.defined()) {
      launch(group_norm_grad_rows<T>, blocks_for_rows(g.rows(), threads), threads, 0,
             numbers<T>(grad), numbers<T>(x), g, numbers<F>(mean), numbers<F>(rstd),
             Gains<F>(weight), numbers<T>(grad_x));
    }
    if (!grad_weight.defined() && !grad_bias.defined()) return;
    const ChannelSums<F> sums(g.samples, g.weights(), g.inner, x);
    sums.run(WeightTerm<T>{numbers<T>(grad), numbers<T>(x), numbers<F>(mean), numbers<F>(rstd),
                           g.groups, g.channels});
    const DType dtype = grad_weight.defined() ? grad_weight.dtype() : grad_bias.dtype();
    for_each(g.weights(), FinishWeights<F>{sums.shape(), sums.data(), numbers<void>(grad_weight),
                                           numbers<void>(grad_bias), dtype});
  });
}

}  // namespace nw::cuda
