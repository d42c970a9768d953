#include <QtTest>
#include <cstdio>

#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/conv.h"
#include "core/ops/creation.h"
#include "core/ops/pad.h"
#include "core/ops/pool.h"
#include "core/ops/resample.h"
#include "tests/support/gradcheck_ops.h"

using namespace nw;
using namespace nw::test;

namespace {

using Extents = SmallVector<int64_t, 3>;

Window window(const Extents& kernel, const Extents& stride, const Extents& padding,
              const Extents& dilation, int64_t groups = 1) {
  return {kernel, stride, padding, dilation, groups};
}

GradRowTraits any() {
  return {.takes_complex = true};
}

GradRow transposed(const std::string& name, const Window& w, const Extents& output_padding,
                   std::vector<Dims> sizes) {
  return {name,
          [w, output_padding](const Tensors& t) {
            return ops::conv_transpose(t[0], t[1], t[2], w, output_padding);
          },
          std::move(sizes),
          {.takes_complex = true, .batched = {0}}};
}

std::vector<GradRow> convolutions() {
  return {
      {"conv2d, complex",
       [](const Tensors& t) {
         return ops::conv(t[0], t[1], t[2], window({}, {2, 1}, {1, 0}, {1, 2}, 2));
       },
       {{2, 4, 4, 5}, {6, 2, 3, 2}, {6}},
       any()},
      {"conv1d without a batch",
       [](const Tensors& t) { return ops::conv(t[0], t[1], {}, window({}, {1}, {2}, {1})); },
       {{3, 6}, {2, 3, 3}},
       {.takes_batch_of_one = false, .takes_empty_batch = false, .takes_complex = true}},
      transposed("conv_transpose1d", window({}, {2}, {1}, {1}), {1}, {{2, 3, 4}, {3, 2, 3}, {2}}),
      transposed("conv_transpose2d, groups", window({}, {1, 2}, {0, 1}, {2, 1}, 2), {1, 1},
                 {{2, 4, 3, 3}, {4, 1, 2, 3}, {2}}),
      transposed("conv_transpose3d", window({}, {2, 1, 1}, {1, 0, 0}, {1, 1, 1}), {0, 0, 0},
                 {{2, 2, 2, 2, 3}, {2, 2, 2, 1, 2}, {2}}),
  };
}

Tensor interpolated(const Tensor& x, ops::Interpolation mode, const Extents& sizes, bool align) {
  return ops::interpolate(x, {.sizes = sizes, .align_corners = align}, mode);
}

std::vector<GradRow> resampling() {
  using ops::Interpolation;
  const Dims image{2, 3, 4, 5};
  return {
      {"nearest",
       [](const Tensors& t) {
         return interpolated(t[0], Interpolation::Nearest, {7, 3}, false);
       },
       {image}},
      {"nearest-exact, by factors",
       [](const Tensors& t) {
         return ops::interpolate(t[0], {.scales = {1.7}}, Interpolation::NearestExact);
       },
       {{2, 3, 5}}},
      {"bilinear",
       [](const Tensors& t) {
         return interpolated(t[0], Interpolation::Linear, {7, 3}, false);
       },
       {image}},
      {"trilinear, corners in place",
       [](const Tensors& t) {
         return interpolated(t[0], Interpolation::Linear, {3, 4, 1}, true);
       },
       {{2, 2, 2, 3, 2}}},
      {"bicubic",
       [](const Tensors& t) {
         return interpolated(t[0], Interpolation::Cubic, {6, 3}, false);
       },
       {image}},
      {"adaptive_avg_pool2d",
       [](const Tensors& t) {
         return ops::adaptive_avg_pool(t[0], {3, 7});
       },
       {image}},
      {"adaptive_max_pool3d",
       [](const Tensors& t) {
         return ops::adaptive_max_pool(t[0], {2, 1, 3}).first;
       },
       {{2, 2, 3, 2, 4}}},
      {"fractional_max_pool2d",
       [](const Tensors& t) {
         Generator generator(7);  // the same windows for each quotient
         const Dims samples{t[0].size(0), t[0].size(1), 2};
         return ops::fractional_max_pool(
                    t[0], {2, 2}, {2, 3},
                    ops::rand(samples, DType::Float64, t[0].device(), generator))
             .first;
       },
       {image}},
      {"unfold",
       [](const Tensors& t) {
         return ops::unfold(t[0], window({2, 3}, {1, 2}, {1, 1}, {2, 1}));
       },
       {image}},
      {"fold",
       [](const Tensors& t) {
         return ops::fold(t[0], {4, 5}, window({2, 3}, {2, 1}, {1, 0}, {1, 1}));
       },
       {{2, 12, 9}}},
      {"pixel_shuffle",
       [](const Tensors& t) { return ops::pixel_shuffle(t[0], 2); },
       {{2, 8, 2, 3}}},
      {"pixel_unshuffle",
       [](const Tensors& t) { return ops::pixel_unshuffle(t[0], 3); },
       {{2, 2, 3, 6}}},
      {"channel_shuffle",
       [](const Tensors& t) { return ops::channel_shuffle(t[0], 2); },
       {{2, 6, 3}}},
  };
}

Tensor padded(const Tensor& x, const ops::Pads& pads, ops::PadMode mode) {
  return ops::pad(x, pads, mode, "pad", 2.5);
}

std::vector<GradRow> padding() {
  using ops::PadMode;
  return {
      {"pad by a number, one side cut",
       [](const Tensors& t) {
         return padded(t[0], {{2, -1}, {-1, 1}}, PadMode::Zeros);
       },
       {{2, 3, 4}},
       {.takes_batch_of_one = true, .takes_empty_batch = true, .takes_complex = true}},
      {"pad reflect, one side cut",
       [](const Tensors& t) {
         return padded(t[0], {{-3, 4}}, PadMode::Reflect);
       },
       {{2, 3, 5}},
       any()},
      {"pad replicate 3d",
       [](const Tensors& t) {
         return padded(t[0], {{1, 2}, {-1, 3}, {0, 1}}, PadMode::Replicate);
       },
       {{2, 2, 2, 3, 2}},
       any()},
      {"pad circular, one side cut",
       [](const Tensors& t) {
         return padded(t[0], {{-2, 1}}, PadMode::Circular);
       },
       {{2, 3, 6}},
       any()},
  };
}

std::vector<GradRow> pooling() {
  return {
      {"lp_pool1d, p = 3",
       [](const Tensors& t) {
         return ops::lp_pool(t[0] * t[0] + 0.5, 3, window({2}, {2}, {0}, {1}), ops::Rounding::Up);
       },
       {{2, 3, 5}}},
      {"max_unpool2d",
       [](const Tensors& t) {
         const Window w = window({2, 2}, {2, 2}, {0, 0}, {1, 1});
         const Tensor like = empty(Dims{t[0].size(0), 2, 4, 6}, DType::Float64, kCpu);
         for (int64_t i = 0; i < like.numel(); ++i) like.data<double>()[i] = double(i * 7 % 11);
         const auto [y, indices] = ops::max_pool_with_indices(like, w, ops::Rounding::Down);
         return ops::max_unpool(t[0], indices, w, {5, 6});
       },
       {{2, 2, 2, 3}}},
  };
}

std::vector<GradRow> all_rows() {
  std::vector<GradRow> rows = convolutions();
  for (const auto& more : {resampling(), padding(), pooling()}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

}  // namespace

/// The gradients of convolution, padding, pooling and resampling against central differences.
class TestGradcheckConv : public QObject {
  Q_OBJECT

 private slots:
  void gradients_are_right_data() { add_rows(all_rows()); }
  void gradients_are_right() { checks_ += check_row(all_rows()); }

  void cleanupTestCase() { std::printf("%d gradients equal their differences\n", checks_); }

 private:
  int checks_ = 0;
};

QTEST_GUILESS_MAIN(TestGradcheckConv)
#include "test_gradcheck_conv.moc"
