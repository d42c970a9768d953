#include "plugins/cuda/kernels/channel_sums.h"
#include "plugins/cuda/kernels/channels.h"
#include "plugins/cuda/kernels/convert.h"
#include "plugins/cuda/kernels/kernels.h"
#include "plugins/cuda/kernels/map.h"

namespace nw::cuda {
namespace {

ChannelOf channels_of(const Tensor& x) {
  return ChannelOf(x.size(1), x.size(2), x.numel());
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

NW_BOTH double inverse_deviation(double variance, double eps, bool fixed) {
  return !fixed && variance == 0 && eps == 0 ? 0 : 1 / std::sqrt(variance + eps);
}

template <typename F>
struct FinishMoments {
  ChannelShape shape;
  const Pair<F>* sums;
  const F* middles;
  Weights<F> weight, bias;
  double eps;
  F* mean;
  F* variance;
  Line<F>* lines;

  __device__ void operator()(int64_t channel) const {
    const Pair<double> total = joined(sums, shape, channel);
    const auto count = static_cast<double>(shape.numbers());
    const double apart = total.first / count;
    const double spread = total.second / count - apart * apart;
    const double middle = static_cast<double>(middles[channel]) + apart;
    const double positive = spread < 0 ? 0 : spread;
    mean[channel] = static_cast<F>(middle);
    variance[channel] = static_cast<F>(positive);
    const double rstd = inverse_deviation(positive, eps, false);
    lines[channel] = {static_cast<F>(middle),
                      static_cast<F>(static_cast<double>(weight(channel, 1)) * rstd),
                      bias(channel, 0)};
  }
};

template <typename F>
struct FixedLines {
  Weights<F> mean, variance, weight, bias;
  double eps;
  Line<F>* lines;

  __device__ void operator()(int64_t channel) const {
    const double rstd = inverse_deviation(static_cast<double>(variance(channel, 0)), eps, true);
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
  Weights<F> mean, variance, weight;
  double eps;
  bool fixed;
  void* grad_weight;
  void* grad_bias;
  DType weight_dtype;
  GradLine<F>* lines;

  __device__ void operator()(int64_t channel) const {
    const Pair<double> total = sums != nullptr ? joined(sums, shape, channel) : Pair<double>{0, 0};
    const double rstd = inverse_deviation(static_cast<double>(variance(channel, 0)), eps, fixed);
    if (grad_weight != nullptr) {
      store_real<F>(grad_weight, weight_dtype, channel, static_cast<F>(total.second * rstd));
    }
    if (grad_bias != nullptr) {
      store_real<F>(grad_bias, weight_dtype, channel, static_cast<F>(total.first));
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

struct CountBatch {
  int64_t* batches;
  __device__ void operator()(int64_t) const { ++*batches; }
};

struct Track {
  const int64_t* batches;  // null: the momentum is given
  double momentum, correction;
  const void* fresh;
  DType fresh_dtype;
  void* running;
  DType dtype;

  __device__ void operator()(int64_t channel) const {
    const double share = batches != nullptr ? 1 / static_cast<double>(*batches) : momentum;
    const double before = load_value(running, dtype, channel).real;
    const double now = load_value(fresh, fresh_dtype, channel).real;
    store_value(running, dtype, channel,
                real_value(share * correction * now + (1 - share) * before));
  }
};

}  // namespace

void batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                const Tensor& y, const Tensor& mean, const Tensor& variance) {
  if (x.numel() == 0) return;
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    using F = Wide<T>;
    const int64_t channels = x.size(1);
    const ChannelSums<F> sums(x.size(0), channels, x.size(2), x);
    const Scratch<F> middles(channels, x);
    const Scratch<Line<F>> lines(channels, x);
    launch(channel_middles<T>, std::min<int64_t>(channels, INT32_MAX), kWarpThreads, 0,
           numbers<T>(x), sums.shape(), middles.data());
    sums.run(SpreadTerm<T>{numbers<T>(x), middles.data()});
    for_each(channels, FinishMoments<F>{sums.shape(), sums.data(), middles.data(),
                                        Weights<F>(weight), Weights<F>(bias), eps, numbers<F>(mean),
                                        numbers<F>(variance), lines.data()});
    apply_lines<T>(x, lines.data(), y);
  });
}

void batch_norm_fixed(const Tensor& x, const Tensor& mean, const Tensor& variance,
                      const Tensor& weight, const Tensor& bias, double eps, const Tensor& y) {
  if (x.numel() == 0) return;
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    using F = Wide<T>;
    const Scratch<Line<F>> lines(x.size(1), x);
    for_each(x.size(1), FixedLines<F>{Weights<F>(mean), Weights<F>(variance), Weights<F>(weight),
                                      Weights<F>(bias), eps, lines.data()});
    apply_lines<T>(x, lines.data(), y);
  });
}

void batch_norm_grad(const Tensor& grad, const Tensor& x, const Tensor& mean,
                     const Tensor& variance, const Tensor& weight, double eps, bool fixed,
                     const Tensor& grad_x, const Tensor& grad_weight, const Tensor& grad_bias) {
  const bool needs_sums = !fixed || grad_weight.defined() || grad_bias.defined();
  const DType weight_dtype = grad_weight.defined() ? grad_weight.dtype()
                             : grad_bias.defined() ? grad_bias.dtype()
                                                   : DType::Float32;
  with_real(x.dtype(), [&](auto type) {
    using T = decltype(type);
    using F = Wide<T>;
    const int64_t channels = x.size(1);
    const ChannelSums<F> sums(x.size(0), channels, x.size(2), x);
    const Scratch<GradLine<F>> lines(channels, x);
    if (needs_sums) sums.run(SlopeTerm<T>{numbers<T>(grad), numbers<T>(x), Weights<F>(mean)});
    for_each(channels, FinishSlopes<F>{sums.shape(), needs_sums ? sums.data() : nullptr,
                                       Weights<F>(mean), Weights<F>(variance), Weights<F>(weight),
                                       eps, fixed, numbers<void>(grad_weight),
                                       numbers<void>(grad_bias), weight_dtype, lines.data()});
    if (!grad_x.defined() || x.numel() == 0) return;
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

void track(const BatchTracking& tracking, const Tensor& mean, const Tensor& variance,
           const Tensor& batches, const Tensor& running_mean, const Tensor& running_variance) {
  if (batches.defined()) for_each(1, CountBatch{batches.data<int64_t>()});
  if (!mean.defined()) return;
  const int64_t* counted =
      tracking.cumulative && batches.defined() ? batches.data<int64_t>() : nullptr;
  const auto move = [&](const Tensor& fresh, double correction, const Tensor& running) {
    for_each(running.numel(), Track{counted, tracking.momentum, correction, fresh.raw(),
                                    fresh.dtype(), running.raw(), running.dtype()});
  };
  move(mean, 1, running_mean);
  move(variance, tracking.correction, running_variance);
}

}  // namespace nw::cuda
