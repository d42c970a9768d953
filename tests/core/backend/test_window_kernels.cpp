#include <algorithm>
#include <cmath>
#include <limits>

#include "core/backend/backend.h"
#include "tests/core/backend/naive.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kRounds = 250;

const Kernels& kernels() {
  return backend_of(kCpu).kernels();
}

/// A random convolution: its window and the sizes of what goes in and comes out.
struct Case {
  Window window;
  Dims x, weight, y;
};

Dims output_sizes(const Dims& x, int64_t channels, const Window& w) {
  Dims y{x[0], channels};
  for (size_t d = 0; d < w.kernel.size(); ++d) {
    const int64_t span = (w.kernel[d] - 1) * w.dilation[d] + 1;
    y.push_back((x[d + 2] + 2 * w.padding[d] - span) / w.stride[d] + 1);
  }
  return y;
}

Case random_case(Draw& draw) {
  Case c;
  const int64_t spatial = draw.integer(1, 3);
  const bool plain = draw.chance(0.5);  // stride 1, no dilation, no groups
  c.window.groups = plain || draw.chance(0.5) ? 1 : draw.integer(2, 3);
  c.x = {draw.integer(1, 3), draw.integer(1, 4) * c.window.groups};
  const int64_t channels = draw.integer(1, draw.chance(0.2) ? 20 : 6) * c.window.groups;
  for (int64_t d = 0; d < spatial; ++d) {
    c.window.kernel.push_back(draw.integer(1, 5));
    c.window.stride.push_back(plain ? 1 : draw.integer(1, 3));
    c.window.dilation.push_back(plain ? 1 : draw.integer(1, 2));
    c.window.padding.push_back(draw.integer(0, 3));
    const int64_t span = (c.window.kernel.back() - 1) * c.window.dilation.back() + 1;
    const int64_t least = std::max<int64_t>(span - 2 * c.window.padding.back(), 1);
    c.x.push_back(least + draw.integer(0, spatial == 3 ? 4 : spatial == 2 ? 9 : 40));
  }
  c.weight = {channels, c.x[1] / c.window.groups};
  for (int64_t size : c.window.kernel) c.weight.push_back(size);
  c.y = output_sizes(c.x, channels, c.window);
  return c;
}

/// Calls body(x index, weight index, y index) for every product of the convolution.
void for_each_product(const Case& c,
                      const std::function<void(const Dims&, const Dims&, const Dims&)>& body) {
  const int64_t group_out = c.weight[0] / c.window.groups;
  for_each_index(c.y, [&](const Dims& y) {
    Dims taps = c.weight;
    taps.erase(0);
    for_each_index(taps, [&](const Dims& tap) {
      Dims x{y[0], y[1] / group_out * c.weight[1] + tap[0]};
      Dims weight{y[1], tap[0]};
      for (size_t d = 0; d < c.window.kernel.size(); ++d) {
        const int64_t at =
            y[d + 2] * c.window.stride[d] - c.window.padding[d] + tap[d + 1] * c.window.dilation[d];
        if (at < 0 || at >= c.x[d + 2]) return;
        x.push_back(at);
        weight.push_back(tap[d + 1]);
      }
      body(x, weight, y);
    });
  });
}

std::string text(const Case& c, DType dtype) {
  return concat(name(dtype), " x ", to_string(c.x), " weight ", to_string(c.weight), " y ",
                to_string(c.y), " groups ", c.window.groups);
}

/// Sums in double, put into the dtype at the end.
class Sums {
 public:
  explicit Sums(const Dims& sizes) : total_(zeros(sizes, DType::Float64)) {}
  void add(const Dims& index, double value) { put(total_, index, at(total_, index) + value); }
  Tensor as(DType dtype) const { return raw::to(total_, dtype); }

 private:
  Tensor total_;
};

}  // namespace

class TestWindowKernels : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { draw_ = std::make_unique<Draw>(test_seed()); }

  void convolution() {
    for (int round = 0; round < kRounds; ++round) check_conv(random_case(*draw_));
  }

  /// The layers of LeNet and the like, which have kernels of their own.
  void convolution_of_few_channels() {
    for (int round = 0; round < 30; ++round) {
      Case c;
      const int64_t side = draw_->integer(1, 5);
      const int64_t padding = draw_->integer(0, side - 1);
      c.window = {{side, side}, {1, 1}, {padding, padding}, {1, 1}, 1};
      c.x = {draw_->integer(1, 5), draw_->integer(1, 7), draw_->integer(5, 20),
             draw_->integer(5, 40)};
      c.weight = {draw_->integer(1, 18), c.x[1], side, side};
      c.y = output_sizes(c.x, c.weight[0], c.window);
      check_conv(c);
    }
  }

  /// More padding than a stride in front of the depth: oneDNN 2.6 writes wrong numbers there.
  void convolution_with_deep_padding() {
    for (int round = 0; round < 30; ++round) {
      Case c;
      const int64_t stride = draw_->integer(2, 3);
      c.window = {{5, 2, 3}, {stride, 2, 1}, {stride + 1, 0, 0}, {1, 1, 1}, 1};
      c.x = {2, draw_->integer(1, 22), draw_->integer(1, 6), 4, draw_->integer(3, 7)};
      c.weight = {draw_->integer(1, 22), c.x[1], 5, 2, 3};
      c.y = output_sizes(c.x, c.weight[0], c.window);
      check_conv(c);
    }
  }

  void convolution_of_nothing() {
    Case c;
    c.window = {{3}, {1}, {1}, {1}, 1};
    c.x = {0, 2, 8};
    c.weight = {4, 2, 3};
    c.y = {0, 4, 8};
    const Tensor x = empty(c.x);
    const Tensor weight = draw_->numbers(c.weight, DType::Float32);
    kernels().conv(x, weight, {}, c.window, empty(c.y));
    const Tensor slope = full(c.weight, 3);
    const Tensor bias_slope = full({4}, 3);
    kernels().conv_grad_weight(empty(c.y), x, c.window, slope, bias_slope);
    QVERIFY(same(slope, zeros(c.weight), "grad_weight of no samples"));
    QVERIFY(same(bias_slope, zeros({4}), "grad_bias of no samples"));
  }

  /// Thousands of numbers of both signs: one float32 after the other would miss by some 1e-4.
  void slopes_of_biases_in_three_dimensions_are_exact() {
    Case c;
    c.window = {{1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, 1};
    c.x = {1, 5, 20, 20, 20};
    c.weight = {6, 5, 1, 1, 1};
    c.y = output_sizes(c.x, 6, c.window);
    const Tensor x = draw_->numbers(c.x, DType::Float32);
    const Tensor grad = draw_->numbers(c.y, DType::Float32);
    const Tensor slope = empty(c.weight);
    const Tensor bias_slope = empty({6});
    kernels().conv_grad_weight(grad, x, c.window, slope, bias_slope);
    for (int64_t channel = 0; channel < 6; ++channel) {
      double exact = 0;
      double largest = 0;
      for (int64_t i = 0; i < 8000; ++i) {
        exact += grad.data<float>()[channel * 8000 + i];
        largest = std::max(largest, std::abs(exact));
      }
      const double off = std::abs(bias_slope.data<float>()[channel] - exact);
      QVERIFY2(off < 1e-6 * std::abs(exact) + 1e-7 * largest, qPrintable(QString::number(off)));
    }
  }

  void convolution_repeats_bit_for_bit() {
    Case c;
    c.window = {{5, 5}, {1, 1}, {2, 2}, {1, 1}, 1};
    c.x = {16, 3, 20, 20};
    c.weight = {8, 3, 5, 5};
    c.y = output_sizes(c.x, 8, c.window);
    const Tensor x = draw_->numbers(c.x, DType::Float32);
    const Tensor weight = draw_->numbers(c.weight, DType::Float32);
    const Tensor grad = draw_->numbers(c.y, DType::Float32);
    const auto once = [&] {
      std::array<Tensor, 4> out{empty(c.y), empty(c.x), empty(c.weight), empty({8})};
      kernels().conv(x, weight, {}, c.window, out[0]);
      kernels().conv_grad_input(grad, weight, c.window, out[1]);
      kernels().conv_grad_weight(grad, x, c.window, out[2], out[3]);
      return out;
    };
    const auto first = once();
    for (int round = 0; round < 10; ++round) {
      const auto again = once();
      for (size_t i = 0; i < first.size(); ++i) {
        QCOMPARE(bit_difference(again[i], first[i], "repetition"), std::string());
      }
    }
  }

  void max_pool() {
    for (int round = 0; round < kRounds; ++round) {
      Case c = pool_case();
      const DType dtype = random_floating(*draw_);
      const Tensor x = draw_->numbers(c.x, dtype);
      for_each_index(c.x, [&](const Dims& i) {
        if (draw_->chance(0.03)) put(x, i, std::nan(""));
        if (draw_->chance(0.3)) put(x, i, 1);  // ties
      });
      const Tensor y = empty(c.y, dtype);
      const Tensor indices = empty(c.y, DType::Int64);
      kernels().max_pool(x, c.window, y, indices);
      Dims plane = c.x;
      plane[0] = plane[1] = 1;
      const Dims strides = contiguous_strides(plane);
      bool right = true;
      for_each_index(c.y, [&](const Dims& o) {
        double largest = -HUGE_VAL;
        int64_t where = -1;
        each_in_window(c, o, [&](const Dims& i) {
          const double value = at(x, i);
          int64_t flat = 0;
          for (size_t d = 2; d < i.size(); ++d) flat += i[d] * strides[d];
          if (value > largest || std::isnan(value) || where < 0) {
            largest = value;
            where = flat;
          }
        });
        const double got = at(y, o);
        right = right && (got == largest || (std::isnan(got) && std::isnan(largest))) &&
                indices.data<int64_t>()[place(indices, o)] == where;
      });
      QVERIFY2(right, text(c, dtype).c_str());

      const Tensor grad = draw_->numbers(c.y, dtype);
      const Tensor grad_x = full(c.x, 5, dtype);
      kernels().max_pool_grad(grad, indices, grad_x);
      Sums expected(c.x);
      for_each_index(c.y, [&](const Dims& o) {
        int64_t rest = indices.data<int64_t>()[place(indices, o)];
        Dims i{o[0], o[1]};
        for (size_t d = 2; d < c.x.size(); ++d) {
          i.push_back(rest / strides[d]);
          rest %= strides[d];
        }
        expected.add(i, at(grad, o));
      });
      QVERIFY(same(grad_x, expected.as(dtype), "max_pool_grad"));
    }
  }

  void avg_pool() {
    for (int round = 0; round < kRounds; ++round) {
      Case c = pool_case();
      for (int64_t& dilation : c.window.dilation) dilation = 1;
      c.y = output_sizes(c.x, c.x[1], c.window);
      const DType dtype = random_floating(*draw_);
      const AvgPoolMode mode{draw_->chance(0.5), draw_->chance(0.3) ? draw_->integer(1, 9) : 0};
      const Tensor x = draw_->numbers(c.x, dtype);
      const Tensor grad = draw_->numbers(c.y, dtype);
      const Tensor y = empty(c.y, dtype);
      const Tensor grad_x = full(c.x, 5, dtype);
      kernels().avg_pool(x, c.window, mode, y);
      kernels().avg_pool_grad(grad, c.window, mode, grad_x);
      Sums means(c.y);
      Sums slopes(c.x);
      for_each_index(c.y, [&](const Dims& o) {
        int64_t inside = 0;
        each_in_window(c, o, [&](const Dims&) { ++inside; });
        int64_t divisor = mode.divisor_override;
        if (divisor == 0) divisor = mode.count_include_pad ? padded_count(c, o) : inside;
        each_in_window(c, o, [&](const Dims& i) {
          means.add(o, at(x, i) / double(divisor));
          slopes.add(i, at(grad, o) / double(divisor));
        });
      });
      QVERIFY(same(y, means.as(dtype), "avg_pool " + text(c, dtype)));
      QVERIFY(same(grad_x, slopes.as(dtype), "avg_pool_grad " + text(c, dtype)));
    }
  }

  /// 16-bit numbers are pooled and convolved in the layout in which they come, as float32 is.
  void sixteen_bits_with_channels_innermost() {
    const Dims in{2, 3, 6, 5};
    const Dims out{2, 3, 3, 2};
    const Window window{{2, 2}, {2, 2}, {0, 0}, {1, 1}, 1};
    const auto innermost = [](const Dims& sizes, DType dtype) {
      return empty(Dims{numel(sizes)}, dtype).as_strided(sizes, channels_last_strides(sizes), 0);
    };
    const auto copy_of = [&](const Tensor& x, DType dtype) {
      const Tensor copy = innermost(x.sizes(), dtype);
      raw::copy_(copy, x);
      return copy;
    };
    for (const DType half : {DType::Float16, DType::BFloat16}) {
      // What 16 bits hold, in both.
      const Tensor x = raw::to(draw_->numbers(in, DType::Float32), half);
      const Tensor grad = raw::to(draw_->numbers(out, DType::Float32), half);
      const Tensor weight = raw::to(draw_->numbers({3, 3, 2, 2}, DType::Float32), half);
      std::vector<Tensor> results[2];
      for (const DType dtype : {half, DType::Float32}) {
        std::vector<Tensor>& all = results[dtype == half ? 0 : 1];
        const Tensor indices = innermost(out, DType::Int64);
        for (const Dims& sizes : {out, out, out, in, in}) all.push_back(innermost(sizes, dtype));
        kernels().max_pool(copy_of(x, dtype), window, all[0], indices);
        kernels().avg_pool(copy_of(x, dtype), window, {}, all[1]);
        kernels().conv(copy_of(x, dtype), copy_of(weight, dtype), {}, window, all[2]);
        kernels().max_pool_grad(copy_of(grad, dtype), indices, all[3]);
        kernels().avg_pool_grad(copy_of(grad, dtype), window, {}, all[4]);
        all.push_back(indices);
      }
      for (size_t i = 0; i < results[0].size(); ++i) {
        const Tensor wide = raw::contiguous(results[1][i]);
        const Tensor expected = is_half(results[0][i].dtype()) ? raw::to(wide, half) : wide;
        const std::string problem =
            bit_difference(raw::contiguous(results[0][i]), expected, "result " + std::to_string(i));
        QVERIFY2(problem.empty(), problem.c_str());
      }
    }
  }

  void halving_pool_of_all_minus_infinity() {
    const Tensor x = full({1, 1, 4, 4}, -std::numeric_limits<double>::infinity());
    const Tensor y = empty({1, 1, 2, 2});
    const Tensor indices = empty({1, 1, 2, 2}, DType::Int64);
    kernels().max_pool(x, {{2, 2}, {2, 2}, {0, 0}, {1, 1}, 1}, y, indices);
    const std::vector<int64_t> expected{0, 2, 8, 10};
    for (size_t i = 0; i < 4; ++i) QCOMPARE(indices.data<int64_t>()[i], expected[i]);
  }

 private:
  void check_conv(const Case& c) {
    const DType dtype = draw_->chance(0.75) ? DType::Float32 : DType::Float64;
    const Tensor x = draw_->numbers(c.x, dtype);
    const Tensor weight = draw_->numbers(c.weight, dtype);
    const Tensor bias = draw_->chance(0.5) ? draw_->numbers({c.weight[0]}, dtype) : Tensor();
    const Tensor grad = draw_->numbers(c.y, dtype);
    const Tensor y = full(c.y, 7, dtype);
    const Tensor grad_x = full(c.x, 7, dtype);
    const Tensor grad_weight = full(c.weight, 7, dtype);
    const Tensor grad_bias = draw_->chance(0.7) ? full({c.weight[0]}, 7, dtype) : Tensor();
    kernels().conv(x, weight, bias, c.window, y);
    kernels().conv_grad_input(grad, weight, c.window, grad_x);
    kernels().conv_grad_weight(grad, x, c.window, grad_weight, grad_bias);

    Sums results(c.y);
    Sums slopes(c.x);
    Sums weight_slopes(c.weight);
    Sums bias_slopes({c.weight[0]});
    for_each_product(c, [&](const Dims& i, const Dims& w, const Dims& o) {
      results.add(o, at(x, i) * at(weight, w));
      slopes.add(i, at(grad, o) * at(weight, w));
      weight_slopes.add(w, at(grad, o) * at(x, i));
    });
    for_each_index(c.y, [&](const Dims& o) {
      if (bias.defined()) results.add(o, at(bias, {o[1]}));
      bias_slopes.add({o[1]}, at(grad, o));
    });
    // Sums of many terms in float32: a few units in the last place of the largest partial sum.
    constexpr double kSlack = 16;
    const std::string what = text(c, dtype);
    QVERIFY(same(y, results.as(dtype), "conv " + what, kSlack));
    QVERIFY(same(grad_x, slopes.as(dtype), "conv_grad_input " + what, kSlack));
    QVERIFY(same(grad_weight, weight_slopes.as(dtype), "conv_grad_weight " + what, kSlack));
    if (grad_bias.defined()) {
      QVERIFY(same(grad_bias, bias_slopes.as(dtype), "grad_bias " + what, kSlack));
    }
  }

  Case pool_case() {
    Case c = random_case(*draw_);
    c.window.groups = 1;
    const bool halving = draw_->chance(0.3);
    for (size_t d = 0; d < c.window.kernel.size(); ++d) {
      if (halving) {
        c.window.kernel[d] = c.window.stride[d] = 2;
        c.window.dilation[d] = 1;
      }
      const int64_t span = (c.window.kernel[d] - 1) * c.window.dilation[d] + 1;
      c.window.padding[d] = halving ? 0 : draw_->integer(0, c.window.kernel[d] / 2);
      c.x[d + 2] = std::max(c.x[d + 2], span);
    }
    c.y = output_sizes(c.x, c.x[1], c.window);
    return c;
  }

  static void each_in_window(const Case& c, const Dims& o,
                             const std::function<void(const Dims&)>& body) {
    Dims taps;
    for (int64_t size : c.window.kernel) taps.push_back(size);
    for_each_index(taps, [&](const Dims& tap) {
      Dims i{o[0], o[1]};
      for (size_t d = 0; d < taps.size(); ++d) {
        const int64_t at =
            o[d + 2] * c.window.stride[d] - c.window.padding[d] + tap[d] * c.window.dilation[d];
        if (at < 0 || at >= c.x[d + 2]) return;
        i.push_back(at);
      }
      body(i);
    });
  }

  static int64_t padded_count(const Case& c, const Dims& o) {
    int64_t count = 1;
    for (size_t d = 0; d < c.window.kernel.size(); ++d) {
      const int64_t start = o[d + 2] * c.window.stride[d] - c.window.padding[d];
      count *= std::min(start + c.window.kernel[d], c.x[d + 2] + c.window.padding[d]) - start;
    }
    return count;
  }

  std::unique_ptr<Draw> draw_;
};

QTEST_GUILESS_MAIN(TestWindowKernels)
#include "test_window_kernels.moc"
