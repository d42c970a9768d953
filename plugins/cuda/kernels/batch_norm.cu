#include "plugins/cuda/kernels/channel_sums.h"
#include "plugins/cuda/kernels/channels.h"
#include "plugins/cuda/kernels/convert.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/map.h"

namespace nw::cuda {
namespace {

/// x (N, C, …) in memory: (outer, C, inner), row-major.
struct Planes {
  int64_t channels, outer, inner;

  explicit Planes(const Tensor& x)
      : channels(x.size(1)),
        outer(x.is_contiguous() ? x.size(0) : x.numel() / channels),
        inner(x.numel() / (outer * channels)) {}
};

ChannelOf channels_of(const Tensor& x) {
  return ChannelOf(x.size(1), Planes(x).inner, x.numel());
}

template <typename F>
ChannelSums<F> sums_of(const Tensor& x) {
  const Planes planes(x);
  return ChannelSums<F>(planes.outer, planes.channels, planes.inner, x);
}

/// Weights of any floating dtype, or a constant where there are none.
template <typename F>
struct Weights {
  const void* memory;
  DType dtype;

  explicit Weights(const Tensor& weights)
      : memory(numbers<const void>(weights)),
        dtype(weights.defined() ? weights.dtype() : DType::Float32) {}
  NW_BOTH F operator()(int64_t i, F otherwise) const {
    return memory == nullptr ? otherwise : load_real<F>(memory, dtype, i);
  }
};

/// A number near the channel's mean, from which its spread is measured without losing digits: the
/// mean of 32 numbers at equal distances.
template <typename T>
__global__ void channel_middles(const T* x, ChannelShape shape, Wide<T>* middles) {
  for (int64_t channel = blockIdx.x; channel < shape.channels; channel += gridDim.x) {
    const int64_t n = shape.numbers() * threadIdx.x / kWarpThreads;
    const int64_t outer = n / shape.inner;
    const int64_t at = (outer * shape.channels + channel) * shape.inner + n % shape.inner;
    const Wide<T> total = warp_reduce(widen(x[at]), Plus<Wide<T>>{});
    if (threadIdx.x == 0) middles[channel] = total / kWarpThreads;
  }
}

template <typename T>
struct SpreadTerm {
  const T* x;
  const Wide<T>* middles;

  __device__ Pair<Wide<T>> operator()(int64_t, int64_t channel, int64_t at) const {
    const Wide<T> apart = widen(x[at]) - middles[channel];
    return {apart, apart * apart};
  }
};

/// y = (x − mean) · scale + shift of each channel.
template <typename F>
struct Line {
  F mean, scale, shift;
};

NW_BOTH double inverse_deviation(double variance, double eps) {
  return 1 / std::sqrt(variance + eps);
}
NW_BOTH double inverse_deviation_of_batch(double variance, double eps) {
  return variance == 0 && eps == 0 ? 0 : inverse_deviation(variance, eps);
}

struct CountBatch {
  int64_t* batches;
  __device__ void operator()(int64_t) const { ++*batches; }
};

/// Running statistics, which take up those of a batch; null: none.
struct Running {
  const int64_t* batches;  // null: the momentum is given
  double momentum;
  void* mean;
  void* variance;
  DType dtype;

  Running(const BatchTracking& tracking, const Tensor& counted, const Tensor& running_mean,
          const Tensor& running_variance)
      : batches(tracking.cumulative ? numbers<const int64_t>(counted) : nullptr),
        momentum(tracking.momentum),
        mean(numbers<void>(running_mean)),
        variance(numbers<void>(running_variance)),
        dtype(running_mean.defined() ? running_mean.dtype() : DType::Float32) {}

  /// `count`: how many numbers the batch had for the channel.
  template <typename F>
  __device__ void take_up(int64_t channel, double batch_mean, double batch_variance,
                          double count) const {
    if (mean == nullptr) return;
    const double share = batches != nullptr ? 1 / static_cast<double>(*batches) : momentum;
    const auto move = [&](void* running, double fresh) {
      const auto before = static_cast<double>(load_real<F>(running, dtype, channel));
      store_real<F>(running, dtype, channel, static_cast<F>(share * fresh + (1 - share) * before));
    };
    move(mean, batch_mean);
    move(variance, batch_variance * (count / (count - 1)));
  }
};

template <typename F>
struct FinishMoments {
  ChannelShape shape;
  const Pair<F>* sums;
  const F* middles;
  Weights<F> weight, bias;
  double eps;
  Running running;
  F* mean;
  F* rstd;
  Line<F>* lines;

  __device__ void operator()(int64_t channel) const {
    const Pair<double> total = joined(sums, shape, channel);
    const auto count = static_cast<double>(shape.numbers());
    const double apart = total.first / count;
    const double spread = total.second / count - apart * apart;
    const double middle = static_cast<double>(middles[channel]) + apart;
    const double positive = spread < 0 ? 0 : spread;
    const double inverse = inverse_deviation_of_batch(positive, eps);
    mean[channel] = static_cast<F>(middle);
    rstd[channel] = static_cast<F>(inverse);
    running.take_up<F>(channel, middle, positive, count);
    lines[channel] = {static_cast<F>(middle),
                      static_cast<F>(static_cast<double>(weight(channel, 1)) * inverse),
                      bias(channel, 0)};
  }
};

template <typename F>
struct FixedLines {
  Weights<F> mean, variance, weight, bias;
  double eps;
  Line<F>* lines;

  __device__ void operator()(int64_t channel) const {
    const double rstd = inverse_deviation(static_cast<double>(variance(channel, 0)), eps);
    lines[channel] = {mean(channel, 0),
                      static_cast<F>(static_cast<double>(weight(channel, 1)) * rstd),
                      bias(channel, 0)};
  }
};

template <typename F>
struct ApplyLines {
  ChannelOf channel_of;
  const Line<F>* lines;

  __device__ F operator()(int64_t place, F x) const {
    const Line<F> line = lines[channel_of(place)];
    return (x - line.mean) * line.scale + line.shift;
  }
};

template <typename T>
void apply_lines(const Tensor& x, const Line<Wide<T>>* lines, const Tensor& y) {
  map(ApplyLines<Wide<T>>{channels_of(x), lines}, Inputs<T, 1>{{numbers<T>(x)}, {false}},
      numbers<T>(y), x.numel());
}

template <typename T>
struct SlopeTerm {
  const T* grad;
  const T* x;
  Weights<Wide<T>> mean;

  __device__ Pair<Wide<T>> operator()(int64_t, int64_t channel, int64_t at) const {
    const Wide<T> g = widen(grad[at]);
    return {g, g * (widen(x[at]) - mean(channel, 0))};
  }
};

/// grad_x = grad · a + (x − mean) · b + c
template <typename F>
struct GradLine {
  F a, b, c, mean;
};

template <typename F>
struct FinishSlopes {
  ChannelShape shape;
  const Pair<F>* sums;  // null: not wanted
  Weights<F> mean, spread, weight;
  double eps;
  bool fixed;  // the spread is a given variance; else the rstd of x itself
  void* grad_weight;
  void* grad_bias;
  DType weight_dtype, bias_dtype;
  GradLine<F>* lines;

  __device__ void operator()(int64_t channel) const {
    const Pair<double> total = sums != nullptr ? joined(sums, shape, channel) : Pair<double>{0, 0};
    const auto given = static_cast<double>(spread(channel, 0));
    const double rstd = fixed ? inverse_deviation(given, eps) : given;
    if (grad_weight != nullptr) {
      store_real<F>(grad_weight, weight_dtype, channel, static_cast<F>(total.second * rstd));
    }
    if (grad_bias != nullptr) {
      store_real<F>(grad_bias, bias_dtype, channel, static_cast<F>(total.first));
    }
    const double gain = static_cast<double>(weight(channel, 1)) * rstd;
    const double share = fixed ? 0 : gain / static_cast<double>(shape.numbers());
    lines[channel] = {static_cast<F>(gain), static_cast<F>(-share * total.second * rstd * rstd),
                      static_cast<F>(-share * total.first), mean(channel, 0)};
  }
};

template <typename F>
struct ApplyGradLines {
  ChannelOf channel_of;
  const GradLine<F>* lines;

  __device__ F operator()(int64_t place, F grad, F x) const {
    const GradLine<F> line = lines[channel_of(place)];
    return grad * line.a + ((x - line.mean) * line.b + line.c);
  }
};
/// Where the statistics did not depend on x, which may hold infinities.
template <typename F>
struct ApplyGains {
  ChannelOf channel_of;
  const GradLine<F>* lines;

  __device__ F operator()(int64_t place, F grad) const { return grad * lines[channel_of(place)].a; }
};

DType dtype_of(const Tensor& x) {
  return x.defined() ? x.dtype() : DType::Float32;
}

void norm_grad(const Tensor& grad, const Tensor& x, const Tensor& mean, const Tensor& spread,
               const Tensor& weight, double eps, bool fixed, const Tensor& grad_x,
               const Tensor& grad_weight, const Tensor& grad_bias) {
  const bool needs_sums = !fixed || grad_weight.defined() || grad_bias.defined();
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    using F = Wide<T>;
    const int64_t channels = x.size(1);
    const ChannelSums<F> sums = sums_of<F>(x);
    const Scratch<GradLine<F>> lines(channels, x);
    if (needs_sums) sums.run(SlopeTerm<T>{numbers<T>(grad), numbers<T>(x), Weights<F>(mean)});
    for_each(channels,
             FinishSlopes<F>{sums.shape(), needs_sums ? sums.data() : nullptr, Weights<F>(mean),
                             Weights<F>(spread), Weights<F>(weight), eps, fixed,
                             numbers<void>(grad_weight), numbers<void>(grad_bias),
                             dtype_of(grad_weight), dtype_of(grad_bias), lines.data()});
    if (!grad_x.defined()) return;
    if (fixed) {
      map(ApplyGains<F>{channels_of(x), lines.data()}, Inputs<T, 1>{{numbers<T>(grad)}, {false}},
          numbers<T>(grad_x), x.numel());
    } else {
      map(ApplyGradLines<F>{channels_of(x), lines.data()},
          Inputs<T, 2>{{numbers<T>(grad), numbers<T>(x)}, {false, false}}, numbers<T>(grad_x),
          x.numel());
    }
  });
}

}  // namespace

void count_batch(const Tensor& batches) {
  for_each(1, CountBatch{batches.data<int64_t>()});
}

void batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                const BatchTracking& tracking, const Tensor& batches, const Tensor& running_mean,
                const Tensor& running_variance, const Tensor& y, const Tensor& mean,
                const Tensor& rstd, Tensor&) {
  if (batches.defined()) count_batch(batches);
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    using F = Wide<T>;
    const int64_t channels = x.size(1);
    const ChannelSums<F> sums = sums_of<F>(x);
    const Scratch<F> middles(channels, x);
    const Scratch<Line<F>> lines(channels, x);
    launch(channel_middles<T>, std::min<int64_t>(channels, INT32_MAX), kWarpThreads, 0,
           numbers<T>(x), sums.shape(), middles.data());
    sums.run(SpreadTerm<T>{numbers<T>(x), middles.data()});
    for_each(channels, FinishMoments<F>{sums.shape(), sums.data(), middles.data(),
                                        Weights<F>(weight), Weights<F>(bias), eps,
                                        Running(tracking, batches, running_mean, running_variance),
                                        numbers<F>(mean), numbers<F>(rstd), lines.data()});
    apply_lines<T>(x, lines.data(), y);
  });
}

void batch_norm_grad(const Tensor& grad, const Tensor& x, const Tensor& mean, const Tensor& rstd,
                     const Tensor&, const Tensor& weight, double eps, const Tensor& grad_x,
                     const Tensor& grad_weight, const Tensor& grad_bias) {
  norm_grad(grad, x, mean, rstd, weight, eps, false, grad_x, grad_weight, grad_bias);
}

void batch_norm_fixed(const Tensor& x, const Tensor& mean, const Tensor& variance,
                      const Tensor& weight, const Tensor& bias, double eps, const Tensor& y) {
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    using F = Wide<T>;
    const Scratch<Line<F>> lines(x.size(1), x);
    for_each(x.size(1), FixedLines<F>{Weights<F>(mean), Weights<F>(variance), Weights<F>(weight),
                                      Weights<F>(bias), eps, lines.data()});
    apply_lines<T>(x, lines.data(), y);
  });
}

void batch_norm_fixed_grad(const Tensor& grad, const Tensor& x, const Tensor& mean,
                           const Tensor& variance, const Tensor& weight, double eps,
                           const Tensor& grad_x, const Tensor& grad_weight,
                           const Tensor& grad_bias) {
  norm_grad(grad, x, mean, variance, weight, eps, true, grad_x, grad_weight, grad_bias);
}

}  // namespace nw::cuda
