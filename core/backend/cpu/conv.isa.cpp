#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/vec.h"

// Convolutions of few channels, for which oneDNN's kernels, made for blocks of 16 channels, leave
// most of a vector empty. Here a vector holds neighbouring outputs of one row.

namespace nw::cpu::NW_ISA {
namespace {

constexpr bool kManyRegisters = kVectorRegisters == 32;
/// Output channels and vectors of outputs that are added up at a time.
constexpr int kChannels = 6;
constexpr int kStretches = kManyRegisters ? 4 : 2;
/// The same for gradients of weights: output channels and taps.
constexpr int kGradChannels = kManyRegisters ? 6 : 3;
constexpr int kGradTaps = 4;

int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/// Some output channels of some stretches.
struct Tile {
  const Correlation* shape;
  const Stretch* stretches;
  int64_t channel;
  const float* x;
  const float* weight;
  const float* bias;
  float* y;
};

template <int kHigh, int kWide>
void correlate_tile(const Tile& tile) {
  const int64_t channels = tile.shape->out_channels;
  const float* starts[kWide];
  unrolled<0, kWide>([&](auto v)
                         NW_ALWAYS { starts[v.value] = tile.x + tile.stretches[v.value].in; });
  Floats sums[kHigh][kWide];
  unrolled<0, kHigh>([&](auto o) NW_ALWAYS {
    unrolled<0, kWide>([&](auto v) NW_ALWAYS { sums[o.value][v.value] = Floats{}; });
  });
  const float* weight = tile.weight + tile.channel;
  for (int64_t k = 0; k < tile.shape->tap_count; ++k) {
    const int64_t tap = tile.shape->taps[k];
    Floats inputs[kWide];
    unrolled<0, kWide>([&](auto v) NW_ALWAYS { inputs[v.value] = load(starts[v.value] + tap); });
    unrolled<0, kHigh>([&](auto o) NW_ALWAYS {
      const Floats factor = splat(weight[o.value]);
      unrolled<0, kWide>([&](auto v)
                             NW_ALWAYS { sums[o.value][v.value] += factor * inputs[v.value]; });
    });
    weight += channels;
  }
  unrolled<0, kHigh>([&](auto o) NW_ALWAYS {
    float* plane = tile.y + (tile.channel + o.value) * tile.shape->y_plane;
    const Floats bias = splat(tile.bias != nullptr ? tile.bias[tile.channel + o.value] : 0.0f);
    unrolled<0, kWide>([&](auto v) NW_ALWAYS {
      const Stretch& stretch = tile.stretches[v.value];
      store_lanes<float>(plane + stretch.out, sums[o.value][v.value] + bias, stretch.lanes);
    });
  });
}

/// Some taps of some output channels, over all stretches of some samples.
struct GradTile {
  const Correlation* shape;
  int64_t samples;
  int64_t channel, tap;
  const float* grad;
  const float* x;
  float* sums;
};

template <int kHigh, int kWide>
void correlate_grad_tile(const GradTile& tile) {
  const Correlation& shape = *tile.shape;
  const int64_t taps = shape.tap_count;
  float* const first = tile.sums + (tile.channel * taps + tile.tap) * kLanes<float>;
  const auto sum_at = [&](int o, int k)
                          NW_ALWAYS { return first + (o * taps + k) * kLanes<float>; };
  Floats sums[kHigh][kWide];
  unrolled<0, kHigh>([&](auto o) NW_ALWAYS {
    unrolled<0, kWide>([&](auto k)
                           NW_ALWAYS { sums[o.value][k.value] = load(sum_at(o.value, k.value)); });
  });
  int64_t offsets[kWide];
  unrolled<0, kWide>([&](auto k) NW_ALWAYS { offsets[k.value] = shape.taps[tile.tap + k.value]; });
  const float* x = tile.x;
  const float* grad = tile.grad + tile.channel * shape.y_plane;
  for (int64_t sample = 0; sample < tile.samples; ++sample) {
    for (int64_t i = 0; i < shape.stretch_count; ++i) {
      const Stretch& stretch = shape.stretches[i];
      const int64_t lanes = stretch.lanes;
      Floats slopes[kHigh];
      unrolled<0, kHigh>([&](auto o) NW_ALWAYS {
        slopes[o.value] = load_lanes(grad + o.value * shape.y_plane + stretch.out, lanes);
      });
      unrolled<0, kWide>([&](auto k) NW_ALWAYS {
        const Floats input = load_lanes(x + stretch.in + offsets[k.value], lanes);
        unrolled<0, kHigh>([&](auto o)
                               NW_ALWAYS { sums[o.value][k.value] += slopes[o.value] * input; });
      });
    }
    x += shape.x_sample;
    grad += shape.out_channels * shape.y_plane;
  }
  unrolled<0, kHigh>([&](auto o) NW_ALWAYS {
    unrolled<0, kWide>(
        [&](auto k) NW_ALWAYS { store<float>(sum_at(o.value, k.value), sums[o.value][k.value]); });
  });
}

/// The tile functions for each count of channels and of stretches or taps, from 1.
struct Tiles {
  void (*forward[kChannels][kStretches])(const Tile&);
  void (*grad[kGradChannels][kGradTaps])(const GradTile&);

  constexpr Tiles() : forward(), grad() {
    unrolled<0, kChannels>([this](auto o) NW_ALWAYS {
      constexpr int kHigh = o.value + 1;
      unrolled<0, kStretches>([this](auto v) NW_ALWAYS {
        forward[kHigh - 1][v.value] = correlate_tile<kHigh, v.value + 1>;
      });
    });
    unrolled<0, kGradChannels>([this](auto o) NW_ALWAYS {
      constexpr int kHigh = o.value + 1;
      unrolled<0, kGradTaps>([this](auto k) NW_ALWAYS {
        grad[kHigh - 1][k.value] = correlate_grad_tile<kHigh, k.value + 1>;
      });
    });
  }
};
constexpr Tiles kTiles{};

/// Calls body(first, count) for pieces of nearly equal size, at most `most` each.
template <typename Body>
NW_INLINE void in_pieces(int64_t count, int64_t most, const Body& body) {
  const int64_t pieces = (count + most - 1) / most;
  for (int64_t i = 0; i < pieces; ++i) {
    const int64_t first = count * i / pieces;
    body(first, count * (i + 1) / pieces - first);
  }
}

void correlate(const Correlation& shape, const float* x, const float* weight, const float* bias,
               float* y) {
  const int64_t count = shape.stretch_count;
  for (int64_t i = 0; i < count; i += kStretches) {
    const int64_t wide = smaller(count - i, kStretches);
    in_pieces(shape.out_channels, kChannels, [&](int64_t channel, int64_t high) NW_ALWAYS {
      const Tile tile{&shape, shape.stretches + i, channel, x, weight, bias, y};
      kTiles.forward[high - 1][wide - 1](tile);
    });
  }
}

void correlate_grad(const Correlation& shape, int64_t samples, const float* grad, const float* x,
                    float* sums) {
  const int64_t taps = shape.tap_count;
  in_pieces(shape.out_channels, kGradChannels, [&](int64_t channel, int64_t high) NW_ALWAYS {
    in_pieces(taps, kGradTaps, [&](int64_t tap, int64_t wide) NW_ALWAYS {
      kTiles.grad[high - 1][wide - 1](GradTile{&shape, samples, channel, tap, grad, x, sums});
    });
  });
}

}  // namespace

void add_convolution(IsaKernels& table);
void add_convolution(IsaKernels& table) {
  table.lanes = kLanes<float>;
  table.correlate = correlate;
  table.correlate_grad = correlate_grad;
}

}  // namespace nw::cpu::NW_ISA
