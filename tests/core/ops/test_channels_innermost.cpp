#include <QtTest>
#include <cstdio>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/ops/conv.h"
#include "core/ops/layout.h"
#include "core/ops/pool.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kRounds = 60;

/// What a layer made of some inputs, and their gradients.
using Numbers = std::vector<Tensor>;

template <typename Layer>
Numbers run(const Layer& layer, const Tensors& inputs, DType dtype, bool innermost) {
  Tensors leaves;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Tensor x = raw::clone(raw::to(inputs[i], dtype));
    if (innermost && i == 0) x = ops::channels_innermost(x);
    leaves.push_back(x.set_requires_grad());
  }
  const Tensor y = layer(leaves);
  Tensor grad = empty(y.sizes(), dtype, kCpu);
  for (int64_t i = 0; i < grad.numel(); ++i) {
    const double value = static_cast<double>(i * 5 % 7) - 3;
    if (dtype == DType::Float32) {
      grad.data<float>()[i] = static_cast<float>(value);
    } else {
      grad.data<double>()[i] = value;
    }
  }
  autograd::backward(y, grad);
  Numbers out{y};
  for (const Tensor& leaf : leaves) out.push_back(leaf.grad());
  return out;
}

/// float32 with the channels innermost against float64, which is never laid out so by itself.
template <typename Layer>
std::string compare(const Layer& layer, const Tensors& inputs, bool must_be_innermost) {
  const Numbers ours = run(layer, inputs, DType::Float32, true);
  const Numbers expected = run(layer, inputs, DType::Float64, false);
  if (must_be_innermost && !ours[0].is_channels_last()) return "the layout is lost";
  for (size_t i = 0; i < ours.size(); ++i) {
    const auto text = difference(ours[i], raw::to(raw::contiguous(expected[i]), DType::Float32),
                                 i == 0 ? "output" : concat("gradient ", i - 1), 60);
    if (!text.empty()) return text;
  }
  return {};
}

}  // namespace

/// Chains of convolutions keep the channels innermost in memory. Numbers must not depend on it.
class TestChannelsInnermost : public QObject {
  Q_OBJECT

 private slots:
  void conv() {
    Draw draw(test_seed());
    for (int i = 0; i < kRounds; ++i) {
      const int64_t groups = draw.chance(0.7) ? 1 : draw.chance(0.5) ? 2 : 16;
      const int64_t in = draw.chance(0.2) ? 3 * groups : 16 * draw.integer(1, 3);
      const int64_t out = 16 * draw.integer(1, 3);
      const int64_t kernel = draw.integer(1, 3);
      const int64_t side = kernel + 2 + draw.integer(0, 8);
      const auto pair = [&](int64_t least, int64_t most) {
        return SmallVector<int64_t, 3>{draw.integer(least, most), draw.integer(least, most)};
      };
      const Window window{{}, pair(1, 2), pair(0, 2), pair(1, 2), groups};
      const Tensors inputs{draw.numbers({draw.integer(1, 3), in, side, side + 1}, DType::Float32),
                           draw.numbers({out, in / groups, kernel, kernel}, DType::Float32),
                           draw.numbers({out}, DType::Float32)};
      const auto text = compare(
          [&](const Tensors& t) { return ops::conv(t[0], t[1], t[2], window); }, inputs, true);
      QVERIFY2(text.empty(), (concat(describe(inputs[0]), " ", describe(inputs[1]), " groups ",
                                     groups, ": ", text))
                                 .c_str());
    }
  }

  void conv_transpose() {
    Draw draw(test_seed() + 1);
    for (int i = 0; i < kRounds; ++i) {
      const int64_t in = 16 * draw.integer(1, 2);
      const int64_t out = 16 * draw.integer(1, 2);
      const int64_t stride = draw.integer(1, 3);
      const int64_t dilation = draw.integer(1, 2);
      const int64_t extra = draw.integer(0, std::max(stride, dilation) - 1);
      const Window window{{}, {stride, stride}, {1, 0}, {dilation, dilation}, 1};
      const Tensors inputs{draw.numbers({2, in, draw.integer(2, 5), 4}, DType::Float32),
                           draw.numbers({in, out, 3, 2}, DType::Float32),
                           draw.numbers({out}, DType::Float32)};
      const auto text = compare(
          [&](const Tensors& t) {
            return ops::conv_transpose(t[0], t[1], t[2], window, {extra, extra});
          },
          inputs, true);
      QVERIFY2(text.empty(), (concat(describe(inputs[0]), " stride ", stride, " dilation ",
                                     dilation, " extra ", extra, ": ", text))
                                 .c_str());
    }
  }

  void pooling() {
    Draw draw(test_seed() + 2);
    for (int i = 0; i < kRounds; ++i) {
      const int64_t kernel = draw.integer(1, 3);
      const int64_t stride = draw.integer(1, 3);
      const int64_t padding = draw.integer(0, kernel / 2);
      const Window window{{kernel, 2}, {stride, 2}, {padding, 1}, {1, 1}, 1};
      const auto rounding = draw.chance(0.5) ? ops::Rounding::Up : ops::Rounding::Down;
      const Tensors inputs{
          draw.numbers({draw.integer(1, 3), draw.integer(2, 40), kernel + draw.integer(1, 7), 6},
                       DType::Float32)};
      auto text = compare([&](const Tensors& t) { return ops::max_pool(t[0], window, rounding); },
                          inputs, true);
      QVERIFY2(text.empty(), ("max " + text).c_str());
      const AvgPoolMode mode{.count_include_pad = draw.chance(0.5)};
      text = compare([&](const Tensors& t) { return ops::avg_pool(t[0], window, rounding, mode); },
                     inputs, true);
      QVERIFY2(text.empty(), ("avg " + text).c_str());
    }
  }

  void indices_of_pooling() {
    Draw draw(test_seed() + 3);
    const Tensor x = draw.numbers({2, 19, 7, 6}, DType::Float32);
    x.data<float>()[40] = std::numeric_limits<float>::quiet_NaN();
    const Window window{{3, 2}, {2, 1}, {1, 1}, {1, 2}, 1};
    const auto plain = ops::max_pool_with_indices(x, window, ops::Rounding::Up);
    const auto ours =
        ops::max_pool_with_indices(ops::channels_innermost(x), window, ops::Rounding::Up);
    QVERIFY(ours.first.is_channels_last());
    QCOMPARE(bit_difference(ours.first, plain.first, "output"), std::string());
    QCOMPARE(bit_difference(ours.second, plain.second, "indices"), std::string());
  }
};

QTEST_GUILESS_MAIN(TestChannelsInnermost)
#include "test_channels_innermost.moc"
