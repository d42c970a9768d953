#include <algorithm>
#include <array>
#include <cmath>

#include "core/ops/axis_map.h"
#include "core/ops/checks.h"
#include "core/ops/pool.h"
#include "core/ops/resample.h"

namespace nw::ops {
namespace {

constexpr std::string_view kOp = "Upsample";

/// One dimension; torch reckons positions in the dtype of the numbers.
template <typename T>
class AxisMaker {
 public:
  AxisMaker(int64_t inputs, int64_t outputs, double scale, bool align_corners)
      : inputs_(inputs), outputs_(outputs), align_corners_(align_corners) {
    map_.inputs = inputs;
    map_.first.push_back(0);
    if (align_corners) {
      step_ = outputs > 1 ? static_cast<T>(inputs - 1) / static_cast<T>(outputs - 1) : T{0};
    } else {
      step_ = scale > 0 ? static_cast<T>(1.0 / scale)
                        : static_cast<T>(inputs) / static_cast<T>(outputs);
    }
  }

  AxisMap nearest(T offset) {
    for (int64_t i = 0; i < outputs_; ++i) {
      const T at = (static_cast<T>(i) + offset) * step_;
      add(static_cast<int64_t>(std::floor(static_cast<float>(at))), 1);
      finish();
    }
    return std::move(map_);
  }

  /// As torch reckons it for gradients and for channels that are innermost: in float32, with
  /// shortcuts for equal and doubled sizes whatever the scale.
  AxisMap nearest_by_shortcuts(T offset) {
    const bool shortcuts = offset == T{0};
    for (int64_t i = 0; i < outputs_; ++i) {
      const float at =
          (static_cast<float>(i) + static_cast<float>(offset)) * static_cast<float>(step_);
      const bool equal = shortcuts && outputs_ == inputs_;
      const bool doubled = shortcuts && outputs_ == 2 * inputs_;
      add(equal ? i : doubled ? i / 2 : static_cast<int64_t>(std::floor(at)), 1);
      finish();
    }
    return std::move(map_);
  }

  AxisMap linear() {
    for (int64_t i = 0; i < outputs_; ++i) {
      if (outputs_ == inputs_) {  // whatever the scale, as torch
        add(i, 1);
        finish();
        continue;
      }
      const T at = std::max(position(i), T{0});
      const int64_t below = std::min(static_cast<int64_t>(at), inputs_ - 1);
      const T part = std::min(at - static_cast<T>(below), T{1});
      add(below, 1 - static_cast<double>(part));
      add(below + 1, static_cast<double>(part));
      finish();
    }
    return std::move(map_);
  }

  AxisMap cubic() {
    for (int64_t i = 0; i < outputs_; ++i) {
      const T at = position(i);
      const T floor = std::floor(at);
      const auto weights = cubic_weights(static_cast<double>(at - floor));
      for (int64_t k = 0; k < 4; ++k) {
        add(static_cast<int64_t>(floor) - 1 + k, weights[static_cast<size_t>(k)]);
      }
      finish();
    }
    return std::move(map_);
  }

 private:
  /// Where output `i` lies among the inputs.
  T position(int64_t i) const {
    if (align_corners_) return static_cast<T>(i) * step_;
    return (static_cast<T>(i) + T(0.5)) * step_ - T(0.5);
  }

  /// Cubic convolution with a = −3/4 at a distance of t behind the second of four points.
  static std::array<double, 4> cubic_weights(double t) {
    constexpr double kA = -0.75;
    const auto near = [](double d) { return ((kA + 2) * d - (kA + 3)) * d * d + 1; };
    const auto far = [](double d) { return ((kA * d - 5 * kA) * d + 8 * kA) * d - 4 * kA; };
    return {far(t + 1), near(t), near(1 - t), far(2 - t)};
  }

  void add(int64_t source, double weight) {
    map_.source.push_back(std::clamp<int64_t>(source, 0, inputs_ - 1));
    map_.weight.push_back(weight);
  }
  void finish() { map_.first.push_back(static_cast<int64_t>(map_.source.size())); }

  int64_t inputs_, outputs_;
  bool align_corners_;
  T step_;
  AxisMap map_;
};

template <typename T>
AxisMap make_map(int64_t inputs, int64_t outputs, double scale, bool align, Interpolation mode,
                 bool by_shortcuts) {
  AxisMaker<T> maker(inputs, outputs, scale, align);
  if (by_shortcuts) {
    return maker.nearest_by_shortcuts(mode == Interpolation::NearestExact ? T(0.5) : T{0});
  }
  switch (mode) {
    case Interpolation::Nearest:
      return maker.nearest(T{0});
    case Interpolation::NearestExact:
      return maker.nearest(T(0.5));
    case Interpolation::Linear:
      return maker.linear();
    default:
      return maker.cubic();
  }
}

void check_input(const Tensor& x, const Grid& grid, Interpolation mode) {
  check_floating(x, kOp);
  NW_CHECK(x.dim() >= 3 && x.dim() <= 5, "[", kOp,
           "] expects 3 to 5 dimensions (N, C, spatial…), gets ", x.dim());
  NW_CHECK(mode != Interpolation::Cubic || x.dim() == 4, "[", kOp,
           "] bicubic expects 4 dimensions (N, C, H, W), gets ", x.dim());
  const auto spatial = static_cast<size_t>(x.dim() - 2);
  NW_CHECK(grid.sizes.empty() != grid.scales.empty(), "[", kOp,
           "] expects either size or scale_factor");
  const size_t given = grid.sizes.empty() ? grid.scales.size() : grid.sizes.size();
  NW_CHECK(given == spatial, "[", kOp, "] expects sizes or factors for ", spatial,
           " dimensions, gets ", given);
  for (size_t i = 1; i < x.sizes().size(); ++i) {
    NW_CHECK(x.sizes()[i] > 0, "[", kOp, "] cannot resample an empty input, gets ",
             to_string(x.sizes()));
  }
}

SmallVector<int64_t, 3> output_sizes(const Tensor& x, const Grid& grid, Interpolation mode) {
  const int64_t least = mode == Interpolation::Area ? 0 : 1;
  SmallVector<int64_t, 3> sizes = grid.sizes;
  for (size_t i = 0; i < grid.scales.size(); ++i) {
    sizes.push_back(
        static_cast<int64_t>(std::floor(static_cast<double>(x.sizes()[i + 2]) * grid.scales[i])));
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    NW_CHECK(sizes[i] >= least, "[", kOp, "] sizes must be at least ", least, ", makes ", sizes[i],
             " from ", x.sizes()[i + 2]);
  }
  return sizes;
}

}  // namespace

Tensor interpolate(const Tensor& x, const Grid& grid, Interpolation mode) {
  check_input(x, grid, mode);
  const SmallVector<int64_t, 3> sizes = output_sizes(x, grid, mode);
  if (mode == Interpolation::Area) return adaptive_avg_pool(x, sizes);
  const auto make_maps = [&](bool by_shortcuts) {
    auto maps = std::make_shared<AxisMaps>();
    for (size_t i = 0; i < sizes.size(); ++i) {
      const double scale = grid.scales.empty() || grid.recompute ? 0 : grid.scales[i];
      const auto make =
          x.dtype() == DType::Float64 && !by_shortcuts ? make_map<double> : make_map<float>;
      maps->push_back(
          make(x.sizes()[i + 2], sizes[i], scale, grid.align_corners, mode, by_shortcuts));
    }
    return maps;
  };
  if (mode != Interpolation::Nearest && mode != Interpolation::NearestExact) {
    return mapped(x, make_maps(false), kOp);
  }
  return mapped(x, make_maps(x.dim() > 3 && x.is_channels_last()), kOp, make_maps(true));
}

}  // namespace nw::ops
