#include "core/backend/cpu/norm.h"

#include <algorithm>
#include <cmath>

#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/norm_parts.h"
#include "core/backend/cpu/scratch.h"
#include "core/backend/cpu/widen.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

template <typename T>
const NormParts<T>& parts() {
  return *fast<T>().norm;
}

/// How x (N, C, …) lies in memory: as (outer, C, inner), row-major.
struct Channels {
  int64_t outer, count, inner;

  explicit Channels(const Tensor& x)
      : outer(x.is_contiguous() ? x.size(0) : x.numel() / x.size(1)),
        count(x.size(1)),
        inner(x.numel() / (outer * count)) {}
  /// Whether the channels lie side by side, so that rows of them are worked on.
  bool innermost() const { return inner == 1 && count > 1; }
  /// The numbers of each channel.
  double population() const { return static_cast<double>(outer * inner); }
  Segments segments() const { return {outer, count * inner, inner}; }
  int64_t grain() const {
    return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, outer * inner));
  }
  int64_t row_grain() const { return std::max<int64_t>(1, kGrain / count); }
};

/// Rows in equal parts, one for each thread that finds enough to do, so that each part has sums of
/// its own. The parts depend on nothing but the sizes and the number of threads.
struct Parts {
  int64_t rows, count;

  Parts(int64_t all, int64_t columns)
      : rows(all),
        count(std::clamp<int64_t>(all * columns / kGrain, 1,
                                  std::min<int64_t>(num_threads(), std::max<int64_t>(all, 1)))) {}
  int64_t begin(int64_t part) const { return rows * part / count; }
  int64_t size(int64_t part) const { return begin(part + 1) - begin(part); }
  template <typename Body>
  void run(const Body& body) const {
    parallel_for(count, 1, [&](int64_t first, int64_t last) {
      for (int64_t part = first; part < last; ++part) body(part);
    });
  }
};

/// y = (x − mean) · scale + shift of one channel.
template <typename T>
struct Line {
  T mean, scale, shift;
};

double inverse_deviation(double variance, double eps) {
  return 1 / std::sqrt(variance + eps);
}
/// Of a batch without spread and without eps it is 0, as PyTorch has it.
double inverse_deviation_of_batch(double variance, double eps) {
  return variance == 0 && eps == 0 ? 0 : inverse_deviation(variance, eps);
}

template <typename T>
Line<T> line_of(double mean, double rstd, const T* weight, const T* bias, int64_t channel) {
  const double gain = weight != nullptr ? static_cast<double>(weight[channel]) : 1;
  return {static_cast<T>(mean), static_cast<T>(gain * rstd),
          bias != nullptr ? bias[channel] : T{0}};
}

/// The moments of each column of x (rows, C), from those of the parts.
template <typename T>
void column_moments(const Channels& channels, const T* x, double* mean, double* variance) {
  const int64_t columns = channels.count;
  const Parts split(channels.outer, columns);
  const Scratch<double> sums(2 * columns * split.count);
  split.run([&](int64_t part) {
    double* own = sums.data() + 2 * columns * part;
    parts<T>().column_moments(x + split.begin(part) * columns, split.size(part), columns, own,
                              own + columns);
  });
  for (int64_t j = 0; j < columns; ++j) {
    double middle = 0;
    double squares = 0;
    double before = 0;
    for (int64_t part = 0; part < split.count; ++part) {
      const double* own = sums.data() + 2 * columns * part;
      const auto rows = static_cast<double>(split.size(part));
      const double apart = own[j] - middle;
      middle += apart * (rows / (before + rows));
      squares += own[columns + j] + apart * apart * (before * rows / (before + rows));
      before += rows;
    }
    mean[j] = middle;
    variance[j] = squares / channels.population();
  }
}

/// Applies a Line to each channel of x; line_at(channel) gives it.
template <typename T, typename LineAt>
void apply_lines(const Channels& channels, const T* x, T* y, const LineAt& line_at) {
  if (!channels.innermost()) {
    parallel_for(channels.count, channels.grain(), [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) {
        const Line<T> line = line_at(c);
        const int64_t start = c * channels.inner;
        parts<T>().scale(x + start, channels.segments(), line.mean, line.scale, line.shift,
                         y + start);
      }
    });
    return;
  }
  const int64_t columns = channels.count;
  const Scratch<T> lines(3 * columns);
  for (int64_t c = 0; c < columns; ++c) {
    const Line<T> line = line_at(c);
    lines[c] = line.mean;
    lines[columns + c] = line.scale;
    lines[2 * columns + c] = line.shift;
  }
  parallel_for(channels.outer, channels.row_grain(), [&](int64_t begin, int64_t end) {
    parts<T>().scale_columns(x + begin * columns, end - begin, columns, lines.data(),
                             lines.data() + columns, lines.data() + 2 * columns,
                             y + begin * columns);
  });
}

/// Running statistics, which take up those of a batch channel by channel; null: none.
template <typename T>
struct Running {
  double momentum;
  double correction;  // n / (n − 1): from the biased variance to the unbiased one
  T* mean;
  T* variance;

  void take_up(int64_t channel, double batch_mean, double batch_variance) const {
    if (mean == nullptr) return;
    move(batch_mean, mean[channel]);
    move(correction * batch_variance, variance[channel]);
  }

 private:
  void move(double fresh, T& value) const {
    value = static_cast<T>(momentum * fresh + (1 - momentum) * static_cast<double>(value));
  }
};

template <typename T>
void batch_norm_of(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                   const Running<T>& running, const Tensor& y, const Tensor& mean,
                   const Tensor& rstd) {
  const Channels channels(x);
  const T* from = x.data<T>();
  T* to = y.data<T>();
  const T* gain = data_or_null<T>(weight);
  const T* offset = data_or_null<T>(bias);
  const auto finish = [means = mean.data<T>(), rstds = rstd.data<T>(), gain, offset, eps, &running](
                          int64_t c, double middle, double spread) {
    const double inverse = inverse_deviation_of_batch(spread, eps);
    means[c] = static_cast<T>(middle);
    rstds[c] = static_cast<T>(inverse);
    running.take_up(c, middle, spread);
    return line_of(middle, inverse, gain, offset, c);
  };
  if (channels.innermost()) {
    const Scratch<double> moments(2 * channels.count);
    column_moments(channels, from, moments.data(), moments.data() + channels.count);
    apply_lines(channels, from, to,
                [&](int64_t c) { return finish(c, moments[c], moments[channels.count + c]); });
    return;
  }
  // Channel by channel, so that its numbers are still in the cache when they are scaled.
  parallel_for(channels.count, channels.grain(), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const int64_t start = c * channels.inner;
      double middle = 0;
      double spread = 0;
      parts<T>().moments(from + start, channels.segments(), middle, spread);
      const Line<T> line = finish(c, middle, spread);
      parts<T>().scale(from + start, channels.segments(), line.mean, line.scale, line.shift,
                       to + start);
    }
  });
}

/// The backward of batch normalisation: of each channel, the sums that its gradients need.
template <typename T>
struct BatchGrad {
  Channels channels;
  const T* grad;
  const T* x;
  const T* mean;
  const T* rstd;
  const T* weight;
  bool fixed;  // mean and rstd did not depend on x
  T* grad_x;
  T* grad_weight;
  T* grad_bias;

  /// grad_x = grad · a + (x − mean) · b + c
  struct Line {
    T a, b, c;
  };

  /// Writes the gradients of weight and bias.
  Line line_of(int64_t c, double sum, double product) const {
    const auto inverse = static_cast<double>(rstd[c]);
    if (grad_weight != nullptr) grad_weight[c] = static_cast<T>(product * inverse);
    if (grad_bias != nullptr) grad_bias[c] = static_cast<T>(sum);
    const double gain = (weight != nullptr ? static_cast<double>(weight[c]) : 1) * inverse;
    if (fixed) return {static_cast<T>(gain), T{0}, T{0}};
    const double share = gain / channels.population();
    return {static_cast<T>(gain), static_cast<T>(-share * product * inverse * inverse),
            static_cast<T>(-share * sum)};
  }

  bool needs_sums() const { return !fixed || grad_weight != nullptr || grad_bias != nullptr; }

  void by_channel() const {
    const Segments segments = channels.segments();
    parallel_for(channels.count, channels.grain(), [&](int64_t begin, int64_t end) {
      for (int64_t c = begin; c < end; ++c) {
        const int64_t start = c * channels.inner;
        double sum = 0;
        double product = 0;
        if (needs_sums()) {
          parts<T>().slopes(grad + start, x + start, segments, static_cast<double>(mean[c]), sum,
                            product);
        }
        const Line line = line_of(c, sum, product);
        if (grad_x == nullptr) continue;
        if (fixed) {
          parts<T>().scale(grad + start, segments, T{0}, line.a, T{0}, grad_x + start);
        } else {
          parts<T>().scale_grad(grad + start, x + start, segments, mean[c], line.a, line.b, line.c,
                                grad_x + start);
        }
      }
    });
  }

  void by_row() const {
    const int64_t columns = channels.count;
    const Parts split(channels.outer, columns);
    const Scratch<double> sums(2 * columns * split.count);
    std::fill_n(sums.data(), 2 * columns * split.count, 0.0);
    if (needs_sums()) {
      split.run([&](int64_t part) {
        double* own = sums.data() + 2 * columns * part;
        const int64_t start = split.begin(part) * columns;
        parts<T>().column_slopes(grad + start, x + start, split.size(part), columns, mean, own,
                                 own + columns);
      });
    }
    const Scratch<T> lines(3 * columns);
    for (int64_t c = 0; c < columns; ++c) {
      double sum = 0;
      double product = 0;
      for (int64_t part = 0; part < split.count; ++part) {
        sum += sums[2 * columns * part + c];
        product += sums[2 * columns * part + columns + c];
      }
      const Line line = line_of(c, sum, product);
      lines[c] = line.a;
      lines[columns + c] = line.b;
      lines[2 * columns + c] = line.c;
    }
    if (grad_x == nullptr) return;
    parallel_for(channels.outer, channels.row_grain(), [&](int64_t begin, int64_t end) {
      const int64_t start = begin * columns;
      parts<T>().scale_columns_grad(grad + start, x + start, end - begin, columns, mean,
                                    lines.data(), lines.data() + columns,
                                    lines.data() + 2 * columns, grad_x + start);
    });
  }
};

template <typename T>
void run(const BatchGrad<T>& work) {
  if (work.channels.innermost()) {
    work.by_row();
  } else {
    work.by_channel();
  }
}

/// Of batch_norm(), what has tensors of numbers alone. Writes the last five.
void batch_norm_and_track(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                          double momentum, const Tensor& running_mean,
                          const Tensor& running_variance, const Tensor& y, const Tensor& mean,
                          const Tensor& rstd) {
  with_floating(x, "batch_norm", [&](auto type) {
    using T = decltype(type);
    const double count = Channels(x).population();
    const Running<T> running{momentum, count / (count - 1), data_or_null<T>(running_mean),
                             data_or_null<T>(running_variance)};
    batch_norm_of<T>(x, weight, bias, eps, running, y, mean, rstd);
  });
}

void grad_of_batch(const Tensor& grad, const Tensor& x, const Tensor& mean, const Tensor& rstd,
                   const Tensor& weight, const Tensor& grad_x, const Tensor& grad_weight,
                   const Tensor& grad_bias) {
  with_floating(x, "batch_norm", [&](auto type) {
    using T = decltype(type);
    run(BatchGrad<T>{Channels(x), grad.data<T>(), x.data<T>(), mean.data<T>(), rstd.data<T>(),
                     data_or_null<T>(weight), false, data_or_null<T>(grad_x),
                     data_or_null<T>(grad_weight), data_or_null<T>(grad_bias)});
  });
}

}  // namespace

void batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                const BatchTracking& tracking, const Tensor& batches, const Tensor& running_mean,
                const Tensor& running_variance, const Tensor& y, const Tensor& mean,
                const Tensor& rstd, Tensor&) {
  double momentum = tracking.momentum;
  if (batches.defined()) {
    const int64_t count = ++*batches.data<int64_t>();
    if (tracking.cumulative) momentum = 1 / static_cast<double>(count);
  }
  widened<batch_norm_and_track, 5, Outputs::Updated>(x, weight, bias, eps, momentum, running_mean,
                                                     running_variance, y, mean, rstd);
}

void batch_norm_grad(const Tensor& grad, const Tensor& x, const Tensor& mean, const Tensor& rstd,
                     const Tensor&, const Tensor& weight, double, const Tensor& grad_x,
                     const Tensor& grad_weight, const Tensor& grad_bias) {
  widened<grad_of_batch, 3>(grad, x, mean, rstd, weight, grad_x, grad_weight, grad_bias);
}

void batch_norm_fixed(const Tensor& x, const Tensor& mean, const Tensor& variance,
                      const Tensor& weight, const Tensor& bias, double eps, const Tensor& y) {
  with_floating(x, "batch_norm", [&](auto type) {
    using T = decltype(type);
    const T* means = mean.data<T>();
    const T* variances = variance.data<T>();
    const T* gain = data_or_null<T>(weight);
    const T* offset = data_or_null<T>(bias);
    apply_lines(Channels(x), x.data<T>(), y.data<T>(), [&](int64_t c) {
      const double rstd = inverse_deviation(static_cast<double>(variances[c]), eps);
      return line_of(static_cast<double>(means[c]), rstd, gain, offset, c);
    });
  });
}

void batch_norm_fixed_grad(const Tensor& grad, const Tensor& x, const Tensor& mean,
                           const Tensor& variance, const Tensor& weight, double eps,
                           const Tensor& grad_x, const Tensor& grad_weight,
                           const Tensor& grad_bias) {
  with_floating(x, "batch_norm", [&](auto type) {
    using T = decltype(type);
    const Channels channels(x);
    const T* variances = variance.data<T>();
    const Scratch<T> rstd(channels.count);
    for (int64_t c = 0; c < channels.count; ++c) {
      rstd[c] = static_cast<T>(inverse_deviation(static_cast<double>(variances[c]), eps));
    }
    run(BatchGrad<T>{channels, grad.data<T>(), x.data<T>(), mean.data<T>(), rstd.data(),
                     data_or_null<T>(weight), true, data_or_null<T>(grad_x),
                     data_or_null<T>(grad_weight), data_or_null<T>(grad_bias)});
  });
}

const NormKernels kNormKernels{
    .batch_norm = batch_norm,
    .batch_norm_grad = batch_norm_grad,
    .batch_norm_fixed = widened<batch_norm_fixed, 1>,
    .batch_norm_fixed_grad = widened<batch_norm_fixed_grad, 3>,
    .group_norm = widened<group_norm, 3>,
    .group_norm_grad = widened<group_norm_grad, 3>,
    .renorm_rows = widened<renorm_rows, 1, Outputs::Updated>,
    .bag_rows = widened<bag_rows, 1>,
    .bag_rows_grad = widened<bag_rows_grad, 2>,
};

}  // namespace nw::cpu
