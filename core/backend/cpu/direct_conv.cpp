#include "core/backend/cpu/direct_conv.h"

#include <algorithm>

#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/scratch.h"
#include "core/base/parallel.h"

namespace nw::cpu {
namespace {

/// Multiply-adds that a thread should get at least.
constexpr int64_t kDirectGrain = int64_t{1} << 18;
/// Numbers of x and grad that correlate_grad works on at a time, to stay in the first cache.
constexpr int64_t kGroupNumbers = 8192;

/// A correlation of planes (channels, height, width) that are padded all around.
struct Planes {
  int64_t channels, height, width;
  int64_t pad_height, pad_width;

  int64_t padded_width() const { return width + 2 * pad_width; }
  int64_t padded_plane() const { return (height + 2 * pad_height) * padded_width(); }
  /// One sample with its padding.
  int64_t padded() const { return channels * padded_plane(); }
  int64_t plane() const { return height * width; }
};

void pad(const Planes& planes, const float* from, float* to) {
  const int64_t row = planes.padded_width();
  for (int64_t c = 0; c < planes.channels; ++c) {
    float* end = std::fill_n(to, planes.pad_height * row, 0.0f);
    for (int64_t h = 0; h < planes.height; ++h) {
      end = std::fill_n(end, planes.pad_width, 0.0f);
      end = std::copy_n(from, planes.width, end);
      end = std::fill_n(end, planes.pad_width, 0.0f);
      from += planes.width;
    }
    std::fill_n(end, planes.pad_height * row, 0.0f);
    to += planes.padded_plane();
  }
}

/// The tables of a Correlation: where the outputs lie and what each tap reads.
class Plan {
 public:
  /// Weights lie by channel, row and column; `channel_block` channels are added up at each point
  /// before the next point; 1: all points of a channel first, as the weights lie.
  Plan(const Planes& in, int64_t out_channels, int64_t kernel_height, int64_t kernel_width,
       int64_t channel_block = 1)
      : lanes_(isa_kernels().lanes),
        out_height_(in.height + 2 * in.pad_height - kernel_height + 1),
        out_width_(in.padded_width() - kernel_width + 1),
        per_row_((out_width_ + lanes_ - 1) / lanes_),
        taps_(in.channels * kernel_height * kernel_width),
        stretch_table_(out_height_ * per_row_),
        tap_table_(taps_),
        weight_table_(taps_) {
    fill_stretches(in);
    fill_taps(in, kernel_height, kernel_width, channel_block);
    shape_ = {
        stretch_table_.data(), out_height_ * per_row_,  tap_table_.data(), taps_, out_channels,
        in.padded(),           out_height_ * out_width_};
  }

  const Correlation& shape() const { return shape_; }
  int64_t taps() const { return taps_; }
  /// Which weight of an output channel belongs to a tap.
  int64_t weight_of(int64_t tap) const { return weight_table_[tap]; }
  int64_t lanes() const { return lanes_; }

 private:
  void fill_stretches(const Planes& in) {
    Stretch* next = stretch_table_.data();
    for (int64_t h = 0; h < out_height_; ++h) {
      for (int64_t w = 0; w < out_width_; w += lanes_) {
        *next++ = {h * in.padded_width() + w, h * out_width_ + w, std::min(lanes_, out_width_ - w)};
      }
    }
  }

  void fill_taps(const Planes& in, int64_t kernel_height, int64_t kernel_width,
                 int64_t channel_block) {
    int64_t tap = 0;
    for (int64_t first = 0; first < in.channels; first += channel_block) {
      for (int64_t h = 0; h < kernel_height; ++h) {
        for (int64_t w = 0; w < kernel_width; ++w) {
          for (int64_t c = first; c < std::min(first + channel_block, in.channels); ++c, ++tap) {
            tap_table_[tap] = c * in.padded_plane() + h * in.padded_width() + w;
            weight_table_[tap] = (c * kernel_height + h) * kernel_width + w;
          }
        }
      }
    }
  }

  int64_t lanes_, out_height_, out_width_, per_row_, taps_;
  Scratch<Stretch> stretch_table_;
  Scratch<int64_t> tap_table_;
  Scratch<int64_t> weight_table_;
  Correlation shape_{};
};

int64_t batch_pieces(int64_t batch, int64_t work) {
  const int64_t grain = std::max<int64_t>(kDirectGrain / std::max<int64_t>(work, 1), 1);
  return std::clamp<int64_t>(batch / grain, 1, num_threads());
}

/// Correlates every sample; weight is (taps, out_channels).
void correlate_all(int64_t batch, const Planes& in, const Plan& plan, const float* x,
                   const float* weight, const float* bias, float* y) {
  const Correlation& shape = plan.shape();
  const int64_t work = shape.out_channels * shape.y_plane * plan.taps();
  parallel_for(batch_pieces(batch, work), 1, [&](int64_t begin, int64_t end) {
    const int64_t pieces = batch_pieces(batch, work);
    const Scratch<float> padded(in.padded() + plan.lanes());
    std::fill_n(padded.data() + in.padded(), plan.lanes(), 0.0f);
    for (int64_t i = batch * begin / pieces; i < batch * end / pieces; ++i) {
      pad(in, x + i * in.channels * in.plane(), padded.data());
      isa_kernels().correlate(shape, padded.data(), weight, bias,
                              y + i * shape.out_channels * shape.y_plane);
    }
  });
}

bool can(const ConvGeometry& g) {
  const WindowGeometry& w = g.window;
  return !g.innermost && g.groups == 1 && w.in[0] == 1 && w.out[0] == 1 && w.kernel[0] == 1 &&
         w.padding[0] == 0 && w.stride == Spatial{1, 1, 1} && w.dilation == Spatial{1, 1, 1} &&
         w.padding[1] < w.kernel[1] && w.padding[2] < w.kernel[2];
}

Planes planes_of_x(const ConvGeometry& g) {
  const WindowGeometry& w = g.window;
  return {g.in_channels, w.in[1], w.in[2], w.padding[1], w.padding[2]};
}

/// grad (samples, …) · x summed up for the weights of each output channel, lane by lane.
void add_grad(const Planes& in, const Plan& plan, int64_t samples, const float* grad,
              const float* x, float* sums) {
  const Correlation& shape = plan.shape();
  const int64_t grad_sample = shape.out_channels * shape.y_plane;
  const int64_t group = std::max<int64_t>(kGroupNumbers / (in.padded() + grad_sample), 1);
  const Scratch<float> padded(group * in.padded());
  for (int64_t first = 0; first < samples; first += group) {
    const int64_t count = std::min(group, samples - first);
    for (int64_t i = 0; i < count; ++i) {
      pad(in, x + (first + i) * in.channels * in.plane(), padded.data() + i * in.padded());
    }
    isa_kernels().correlate_grad(shape, count, grad + first * grad_sample, padded.data(), sums);
  }
}

}  // namespace

// Measured against oneDNN on AVX-512 with 1 … 64 channels, 8 … 32 pixels, kernels of 1, 3 and 5.

bool prefers_direct(const ConvGeometry& g) {
  return can(g) && (g.in_channels < 12 || g.out_channels < 16);
}

bool prefers_direct_grad_input(const ConvGeometry& g) {
  return can(g) && g.in_channels < 16;
}

bool prefers_direct_grad_weight(const ConvGeometry& g) {
  return can(g) && g.in_channels < 16;
}

void direct_conv(const ConvGeometry& g, const float* x, const float* weight, const float* bias,
                 float* y) {
  const WindowGeometry& w = g.window;
  const Planes in = planes_of_x(g);
  // oneDNN adds up in this order in PyTorch, so that equal numbers go into max pooling there and
  // here, and near-ties are decided alike.
  constexpr int64_t kChannelBlock = 16;
  const Plan plan(in, g.out_channels, w.kernel[1], w.kernel[2], kChannelBlock);
  const Scratch<float> turned(g.weight_numel());
  for (int64_t o = 0; o < g.out_channels; ++o) {
    for (int64_t k = 0; k < plan.taps(); ++k) {
      turned[k * g.out_channels + o] = weight[o * plan.taps() + plan.weight_of(k)];
    }
  }
  correlate_all(g.batch, in, plan, x, turned.data(), bias, y);
}

void direct_conv_grad_input(const ConvGeometry& g, const float* grad, const float* weight,
                            float* grad_x) {
  // The gradient of x is the correlation of the gradient of y, padded to the full overlap, with the
  // kernels turned by 180°.
  const WindowGeometry& w = g.window;
  const Planes in{g.out_channels, w.out[1], w.out[2], w.kernel[1] - 1 - w.padding[1],
                  w.kernel[2] - 1 - w.padding[2]};
  const Plan plan(in, g.in_channels, w.kernel[1], w.kernel[2]);
  const int64_t size = w.kernel_size();
  const Scratch<float> turned(g.weight_numel());
  for (int64_t o = 0; o < g.out_channels; ++o) {
    for (int64_t c = 0; c < g.in_channels; ++c) {
      for (int64_t k = 0; k < size; ++k) {
        turned[(o * size + k) * g.in_channels + c] =
            weight[(o * g.in_channels + c) * size + size - 1 - k];
      }
    }
  }
  correlate_all(g.batch, in, plan, grad, turned.data(), nullptr, grad_x);
}

void conv_grad_bias(const ConvGeometry& g, const float* grad, float* grad_bias) {
  const int64_t windows = g.window.out_size();
  const int64_t next = g.innermost ? g.out_channels : 1;
  for (int64_t channel = 0; channel < g.out_channels; ++channel) {
    double total = 0;
    for (int64_t i = 0; i < g.batch; ++i) {
      const float* plane = grad + i * g.out_numel() + channel * (g.innermost ? 1 : windows);
      total += fast<float>().sum(plane, next, windows);
    }
    grad_bias[channel] = static_cast<float>(total);
  }
}

void direct_conv_grad_weight(const ConvGeometry& g, const float* grad, const float* x,
                             float* grad_weight, float* grad_bias) {
  const WindowGeometry& w = g.window;
  const Planes in = planes_of_x(g);
  const Plan plan(in, g.out_channels, w.kernel[1], w.kernel[2]);
  const int64_t weights = g.weight_numel();
  const int64_t pieces = batch_pieces(g.batch, weights * w.out_size());
  const Scratch<float> sums(pieces * weights * plan.lanes());
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      float* own = sums.data() + piece * weights * plan.lanes();
      std::fill_n(own, weights * plan.lanes(), 0.0f);
      const int64_t first = g.batch * piece / pieces;
      add_grad(in, plan, g.batch * (piece + 1) / pieces - first, grad + first * g.out_numel(),
               x + first * g.in_numel(), own);
    }
  });
  for (int64_t i = 0; i < weights; ++i) {
    double total = 0;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      total +=
          fast<float>().sum(sums.data() + (piece * weights + i) * plan.lanes(), 1, plan.lanes());
    }
    grad_weight[i] = static_cast<float>(total);
  }
  if (grad_bias != nullptr) conv_grad_bias(g, grad, grad_bias);
}

}  // namespace nw::cpu
