#include <QtTest>
#include <cstdio>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/conv.h"
#include "core/ops/dropout.h"
#include "core/ops/loss.h"
#include "core/ops/matmul.h"
#include "core/ops/pad.h"
#include "core/ops/pool.h"
#include "core/ops/reduction.h"
#include "core/ops/softmax.h"
#include "tests/support/gradcheck_ops.h"

using namespace nw;
using namespace nw::test;

namespace {

ops::Pads around(int64_t before, int64_t after) {
  return {{before, after}, {after, before}};
}

Tensor pad(const Tensor& x, ops::PadMode mode) {
  return ops::pad(x, around(1, 2), mode, "pad");
}

Window window(size_t spatial, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation,
              int64_t groups = 1) {
  const auto all = [&](int64_t value) { return SmallVector<int64_t, 3>(spatial, value); };
  return {all(kernel), all(stride), all(padding), all(dilation), groups};
}

/// A conv row with `groups` over 4 channels and its three inputs.
GradRow conv(const char* name, size_t spatial, const Window& geometry) {
  Dims x{2, 4};
  Dims weight{6, 4 / geometry.groups};
  for (size_t i = 0; i < spatial; ++i) {
    x.push_back(5);
    weight.push_back(geometry.kernel[0]);
  }
  return {name,
          [geometry](const Tensors& t) { return ops::conv(t[0], t[1], t[2], geometry); },
          {x, weight, {6}}};
}

Tensor classes_for(const Tensor& x, int64_t ignored_at) {
  Dims sizes = x.sizes();
  sizes.erase(1);
  const Tensor target = empty(sizes, DType::Int64, kCpu);
  for (int64_t i = 0; i < target.numel(); ++i) target.data<int64_t>()[i] = i % x.sizes()[1];
  if (ignored_at >= 0) target.data<int64_t>()[ignored_at] = -100;
  return target;
}

GradRow cross_entropy(const char* name, const Dims& sizes, const ops::CrossEntropyOptions& options,
                      int64_t ignored_at = -1) {
  return {name,
          [options, ignored_at](const Tensors& t) {
            return ops::cross_entropy(t[0], classes_for(t[0], ignored_at), options);
          },
          {sizes}};
}

Tensor class_weights() {
  const std::vector<double> weights = {0.5, 2.0, 1.0};
  return tensor_of<double>(weights, {3});
}

std::vector<GradRow> all_rows() {
  using ops::Reduction;
  const Dims two{3, 4};
  return {
      {"add", [](const Tensors& t) { return t[0] + t[1]; }, {two, two}},
      {"add, broadcast", [](const Tensors& t) { return t[0] + t[1]; }, {{3, 1, 4}, {2, 1}}},
      {"sub, broadcast",
       [](const Tensors& t) { return t[0] - t[1]; },
       {{4}, two},
       {.batched = {1}}},
      {"mul", [](const Tensors& t) { return t[0] * t[1]; }, {two, two}},
      {"mul, broadcast", [](const Tensors& t) { return t[0] * t[1]; }, {two, {3, 1}}},
      {"mul with itself", [](const Tensors& t) { return t[0] * t[0]; }, {two}},
      {"div", [](const Tensors& t) { return t[0] / t[1]; }, {two, two}},
      {"div, broadcast", [](const Tensors& t) { return t[0] / t[1]; }, {{4}, {3, 1}}},
      {"scale and shift", [](const Tensors& t) { return -(t[0] * 3.0 - 1.0) / 2.0; }, {two}},
      {"matmul", [](const Tensors& t) { return ops::matmul(t[0], t[1]); }, {two, {4, 5}}},
      {"linear",
       [](const Tensors& t) { return ops::linear(t[0], t[1], t[2]); },
       {two, {5, 4}, {5}}},
      {"linear, no bias",
       [](const Tensors& t) { return ops::linear(t[0], t[1], {}); },
       {{2, 3, 4}, {5, 4}}},
      {"sum", [](const Tensors& t) { return ops::sum(t[0]); }, {two}},
      {"sum over dims",
       [](const Tensors& t) {
         return ops::sum(t[0], {0, -1});
       },
       {{2, 3, 4}}},
      {"mean", [](const Tensors& t) { return ops::mean(t[0]); }, {two}},
      {"mean over a dim",
       [](const Tensors& t) { return ops::mean(t[0], {1}, ops::Keep::Yes); },
       {{2, 3, 4}}},
      {"relu", [](const Tensors& t) { return ops::relu(t[0]); }, {two}},
      {"tanh", [](const Tensors& t) { return ops::tanh(t[0]); }, {two}},
      {"sigmoid", [](const Tensors& t) { return ops::sigmoid(t[0]); }, {two}},
      {"softmax", [](const Tensors& t) { return ops::softmax(t[0], 1); }, {{2, 3, 4}}},
      {"log_softmax", [](const Tensors& t) { return ops::log_softmax(t[0], -1); }, {two}},
      {"dropout",
       [](const Tensors& t) {
         Generator generator(3);
         return ops::dropout(t[0], 0.4, generator);
       },
       {two}},
      {"pad zeros", [](const Tensors& t) { return pad(t[0], ops::PadMode::Zeros); }, {{2, 3, 4}}},
      {"pad reflect",
       [](const Tensors& t) { return pad(t[0], ops::PadMode::Reflect); },
       {{2, 3, 4}},
       {.takes_empty_batch = false}},
      {"pad replicate",
       [](const Tensors& t) { return pad(t[0], ops::PadMode::Replicate); },
       {{2, 3, 4}},
       {.takes_empty_batch = false}},
      {"pad circular",
       [](const Tensors& t) { return pad(t[0], ops::PadMode::Circular); },
       {{2, 1, 3, 4}}},
      conv("conv1d", 1, window(1, 3, 1, 1, 1)),
      conv("conv2d", 2, window(2, 3, 1, 0, 1)),
      conv("conv2d, stride and padding", 2, window(2, 2, 2, 1, 1)),
      conv("conv2d, dilation and groups", 2, window(2, 2, 1, 1, 2, 2)),
      conv("conv3d", 3, window(3, 2, 2, 1, 1)),
      {"max_pool1d",
       [](const Tensors& t) {
         return ops::max_pool(t[0], window(1, 2, 1, 1, 1), ops::Rounding::Up);
       },
       {{2, 3, 5}}},
      {"max_pool2d",
       [](const Tensors& t) {
         return ops::max_pool(t[0], window(2, 3, 2, 1, 1), ops::Rounding::Up);
       },
       {{2, 3, 5, 6}}},
      {"max_pool2d, dilation",
       [](const Tensors& t) {
         return ops::max_pool(t[0], window(2, 2, 1, 0, 2), ops::Rounding::Down);
       },
       {{3, 5, 6}},
       {.takes_empty_batch = false}},
      {"avg_pool2d",
       [](const Tensors& t) {
         return ops::avg_pool(t[0], window(2, 3, 2, 1, 1), ops::Rounding::Up, {});
       },
       {{2, 3, 5, 6}}},
      {"avg_pool2d without padding in the mean",
       [](const Tensors& t) {
         return ops::avg_pool(t[0], window(2, 2, 2, 1, 1), ops::Rounding::Down,
                              {.count_include_pad = false});
       },
       {{2, 2, 4, 4}}},
      {"avg_pool3d, own divisor",
       [](const Tensors& t) {
         return ops::avg_pool(t[0], window(3, 2, 1, 0, 1), ops::Rounding::Down,
                              {.divisor_override = 3});
       },
       {{1, 2, 3, 3, 3}}},
      cross_entropy("cross entropy, fused", {4, 3}, {}),
      cross_entropy("cross entropy, fused, ignoring", {4, 3}, {}, 2),
      cross_entropy("cross entropy, sum", {4, 3}, {.reduction = Reduction::Sum}),
      cross_entropy("cross entropy of images", {2, 3, 2, 2}, {}, 3),
      cross_entropy("cross entropy, weights and smoothing", {4, 3},
                    {.weight = class_weights(), .label_smoothing = 0.2}, 1),
      cross_entropy("cross entropy, none", {4, 3},
                    {.reduction = Reduction::None, .label_smoothing = 0.1}),
      {"cross entropy, probabilities",
       [](const Tensors& t) {
         return ops::cross_entropy(t[0], t[1], {.weight = class_weights(), .label_smoothing = 0.1});
       },
       {{4, 3}, {4, 3}}},
      {"mse", [](const Tensors& t) { return ops::mse_loss(t[0], t[1]); }, {two, two}},
      {"mse, broadcast, sum",
       [](const Tensors& t) { return ops::mse_loss(t[0], t[1], Reduction::Sum); },
       {two, {4}}},
      {"mse, none",
       [](const Tensors& t) { return ops::mse_loss(t[0], t[1], Reduction::None); },
       {two, two}},
  };
}

}  // namespace

/// The gradient of every op against central differences in float64.
class TestGradcheckOps : public QObject {
  Q_OBJECT

 private slots:
  void gradients_are_right_data() { add_rows(all_rows()); }
  void gradients_are_right() { checks_ += check_row(all_rows()); }

  /// A dilated window may reach over the input on both sides: nothing is its maximum.
  void a_window_without_points_has_no_gradient() {
    const Tensor x = full({1, 1, 2, 2}, 1, DType::Float64).set_requires_grad();
    const auto [y, indices] =
        ops::max_pool_with_indices(x, window(2, 2, 2, 1, 3), ops::Rounding::Down);
    QCOMPARE(y.item(), -std::numeric_limits<double>::infinity());
    QCOMPARE(indices.item(), -1.0);
    autograd::backward(y);
    for (int i = 0; i < 4; ++i) QCOMPARE(x.grad().data<double>()[i], 0.0);
  }

  void cleanupTestCase() { std::printf("%d gradients equal their differences\n", checks_); }

 private:
  int checks_ = 0;
};

QTEST_GUILESS_MAIN(TestGradcheckOps)
#include "test_gradcheck_ops.moc"
