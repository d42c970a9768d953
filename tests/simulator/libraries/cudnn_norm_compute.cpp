#include <cmath>
#include <cstring>

#include "tests/simulator/libraries/cudnn_norm.h"

namespace nw::simulated::dnn {
namespace {

/// What the forward pass leaves for the backward pass in the reserve space; of the data, so that a
/// space that is not this one's shows.
struct Reserve {
  uint64_t mark;
  uint64_t shape;
  double sum;  // of x
};
constexpr uint64_t kReserveMark = 0x62617463686e6f72u;

uint64_t hash_of(const Shape& shape) {
  std::vector<int64_t> values{static_cast<int64_t>(shape.type)};
  for (int d = 0; d < shape.rank; ++d)
    values.insert(values.end(), {shape.sizes[d], shape.strides[d]});
  return mixed(values);
}

/// Images × channels × places, dense.
struct Channels {
  int64_t images, channels, places;

  explicit Channels(const Shape& x)
      : images(x.sizes[0]), channels(x.sizes[1]), places(x.numel() / images / channels) {}

  int64_t count() const { return images * places; }
  template <typename Function>
  void each(int64_t channel, const Function& function) const {
    for (int64_t n = 0; n < images; ++n) {
      const int64_t begin = (n * channels + channel) * places;
      for (int64_t i = begin; i < begin + places; ++i) function(static_cast<size_t>(i));
    }
  }
};

struct Moments {
  double mean, variance;  // biased
};

template <typename T>
Moments moments_of(const Channels& sizes, int64_t channel, const std::vector<T>& x) {
  double sum = 0;
  sizes.each(channel, [&](size_t i) { sum += static_cast<double>(x[i]); });
  const double mean = sum / static_cast<double>(sizes.count());
  double squares = 0;
  sizes.each(channel, [&](size_t i) {
    const double off = static_cast<double>(x[i]) - mean;
    squares += off * off;
  });
  return {mean, squares / static_cast<double>(sizes.count())};
}

void expect_reserve(const NormBackward& b, double total) {
  if (b.reserve == nullptr) return;
  Reserve left{};
  std::memcpy(&left, b.reserve, sizeof(left));
  const bool same = left.mark == kReserveMark && left.shape == hash_of(b.x) && left.sum == total;
  if (!same) misuse("cuDNN: the reserve space is not what the forward pass of this x left");
}

}  // namespace

void run(const NormTraining& t) {
  with_sums(t.x.type, [&](auto zero) {
    using T = decltype(zero);
    const Number kind = t.statistics.type;
    const Channels sizes(t.x);
    const std::vector<T> x = read<T>(t.x, t.from);
    std::vector<T> y(x.size());
    double total = 0;
    for (int64_t c = 0; c < sizes.channels; ++c) {
      const Moments m = moments_of(sizes, c, x);
      total += m.mean;
      const double inverse = 1 / std::sqrt(m.variance + t.epsilon);
      const auto scale = number_at<double>(kind, t.scale, c);
      const auto bias = number_at<double>(kind, t.bias, c);
      sizes.each(c, [&](size_t i) {
        y[i] = static_cast<T>((static_cast<double>(x[i]) - m.mean) * inverse * scale + bias);
      });
      const auto blend = [&](void* memory, double value) {
        if (memory == nullptr) return;
        const double before = t.share == 1 ? 0 : number_at<double>(kind, memory, c);
        put_number<double>(kind, memory, c, value * t.share + before * (1 - t.share));
      };
      const auto count = static_cast<double>(sizes.count());
      blend(t.running_mean, m.mean);
      blend(t.running_variance, count > 1 ? m.variance * count / (count - 1) : m.variance);
      if (t.saved_mean != nullptr) put_number<double>(kind, t.saved_mean, c, m.mean);
      if (t.saved_inverse != nullptr) put_number<double>(kind, t.saved_inverse, c, inverse);
    }
    write<T>(t.y, t.to, y, t.alpha, t.beta);
    if (t.reserve == nullptr) return;
    const Reserve left{kReserveMark, hash_of(t.x), total};
    std::memcpy(t.reserve, &left, sizeof(left));
  });
}

void run(const NormBackward& b) {
  with_sums(b.x.type, [&](auto zero) {
    using T = decltype(zero);
    const Number kind = b.statistics.type;
    const Channels sizes(b.x);
    const std::vector<T> x = read<T>(b.x, b.from);
    const std::vector<T> dy = read<T>(b.dy, b.gradient);
    std::vector<T> dx(x.size());
    double total = 0;
    for (int64_t c = 0; c < sizes.channels; ++c) {
      const Moments m = moments_of(sizes, c, x);
      total += m.mean;
      const bool saved = b.saved_mean != nullptr;
      const double mean = saved ? number_at<double>(kind, b.saved_mean, c) : m.mean;
      const double inverse = saved ? number_at<double>(kind, b.saved_inverse, c)
                                   : 1 / std::sqrt(m.variance + b.epsilon);
      double sum = 0;
      double product = 0;
      sizes.each(c, [&](size_t i) {
        sum += static_cast<double>(dy[i]);
        product += static_cast<double>(dy[i]) * (static_cast<double>(x[i]) - mean) * inverse;
      });
      const double scale = number_at<double>(kind, b.scale, c) * inverse;
      const auto count = static_cast<double>(sizes.count());
      sizes.each(c, [&](size_t i) {
        const double normal = (static_cast<double>(x[i]) - mean) * inverse;
        dx[i] =
            static_cast<T>(scale * (static_cast<double>(dy[i]) - (sum + normal * product) / count));
      });
      const auto blend = [&](void* memory, double value) {
        const double kept =
            b.parameter_beta == 0 ? 0 : b.parameter_beta * number_at<double>(kind, memory, c);
        put_number<double>(kind, memory, c, b.parameter_alpha * value + kept);
      };
      blend(b.scale_gradient, product);
      blend(b.bias_gradient, sum);
    }
    expect_reserve(b, total);
    write<T>(b.dx, b.to, dx, b.alpha, b.beta);
  });
}

void run(const NormInference& f) {
  with_sums(f.x.type, [&](auto zero) {
    using T = decltype(zero);
    const Number kind = f.statistics.type;
    const Channels sizes(f.x);
    std::vector<T> x = read<T>(f.x, f.from);
    for (int64_t c = 0; c < sizes.channels; ++c) {
      const double factor = number_at<double>(kind, f.scale, c) /
                            std::sqrt(number_at<double>(kind, f.variance, c) + f.epsilon);
      const auto mean = number_at<double>(kind, f.mean, c);
      const auto bias = number_at<double>(kind, f.bias, c);
      sizes.each(c, [&](size_t i) {
        x[i] = static_cast<T>((static_cast<double>(x[i]) - mean) * factor + bias);
      });
    }
    write<T>(f.y, f.to, x, f.alpha, f.beta);
  });
}

}  // namespace nw::simulated::dnn
