#include <QtTest>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "core/backend/cpu/isa_kernels.h"
#include "tests/support/draw.h"

using nw::BinaryOp;
using nw::UnaryOp;
using nw::cpu::Gemm;
using nw::cpu::gemm_scratch;
using nw::cpu::IsaKernels;

namespace {

constexpr int kRounds = 200;
/// Written behind each result: must still be there afterwards.
constexpr int64_t kGuard = 40;
constexpr double kMark = 1234.5;

template <typename T>
using Numbers = std::vector<T>;

template <typename T>
bool guarded(const Numbers<T>& x, int64_t count) {
  for (size_t i = size_t(count); i < x.size(); ++i) {
    if (x[i] != T(kMark)) return false;
  }
  return true;
}

/// |ours − wanted| in units in the last place of `wanted`.
template <typename T>
double ulps(T ours, double wanted) {
  const T rounded = static_cast<T>(wanted);
  if (ours == rounded || (std::isnan(ours) && std::isnan(wanted))) return 0;
  if (std::isinf(ours) || std::isinf(rounded) || std::isnan(ours)) return HUGE_VAL;
  const T size = std::max(std::abs(rounded), std::numeric_limits<T>::min());
  const double unit = double(std::nextafter(size, T(HUGE_VAL))) - double(size);
  return std::abs(double(ours) - wanted) / unit;
}

}  // namespace

/// Every table of kernels that this processor can run, against plain double arithmetic and against
/// the weakest table.
class TestIsaKernels : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    engine_.seed(nw::test::test_seed());
    for (const IsaKernels& table : nw::cpu::runnable_isa_kernels()) {
      qInfo("%s", std::string(table.name).c_str());
    }
    QVERIFY(!nw::cpu::isa_kernels().name.empty());
  }

  void tables_are_what_they_are_called() {
    const int64_t lanes[] = {4, 8, 16};  // of 128, 256 and 512 bits
    const auto tables = nw::cpu::runnable_isa_kernels();
    for (size_t i = 0; i < tables.size(); ++i) QCOMPARE(tables[i].lanes, lanes[i]);
  }

  void elementary_functions() {
    for (const IsaKernels& table : nw::cpu::runnable_isa_kernels()) {
      check_function<float>(table, UnaryOp::Exp, -104, 89, 2, [](double x) { return std::exp(x); });
      check_function<float>(table, UnaryOp::Tanh, -12, 12, 3,
                            [](double x) { return std::tanh(x); });
      check_function<float>(table, UnaryOp::Tanh, -1e-3, 1e-3, 3,
                            [](double x) { return std::tanh(x); });
      check_function<float>(table, UnaryOp::Sigmoid, -80, 80, 4,
                            [](double x) { return 1 / (1 + std::exp(-x)); });
      check_function<float>(table, UnaryOp::Log, 0, 10, 3, [](double x) { return std::log(x); });
      check_function<float>(table, UnaryOp::Log, 0.99, 1.01, 3,
                            [](double x) { return std::log(x); });
      check_function<float>(table, UnaryOp::Log, 0, 1e38, 3, [](double x) { return std::log(x); });
      check_function<float>(table, UnaryOp::Sqrt, 0, 1e30, 0.51,
                            [](double x) { return std::sqrt(x); });
      check_function<double>(table, UnaryOp::Tanh, -12, 12, 2,
                             [](double x) { return std::tanh(x); });
    }
  }

  void strides_and_ends() {
    for (const IsaKernels& table : nw::cpu::runnable_isa_kernels()) {
      for (int round = 0; round < kRounds; ++round) {
        check_binary<float>(table);
        check_binary<double>(table);
      }
    }
  }

  void products() {
    for (const IsaKernels& table : nw::cpu::runnable_isa_kernels()) {
      for (int round = 0; round < kRounds; ++round) {
        check_gemm<float>(table, round % 20 == 0 ? 600 : 60);
        check_gemm<double>(table, 60);
      }
    }
  }

  void sums() {
    for (const IsaKernels& table : nw::cpu::runnable_isa_kernels()) {
      for (int round = 0; round < kRounds; ++round) {
        const int64_t rows = integer(0, 30);
        const int64_t columns = integer(1, 300);
        const int64_t stride = columns + integer(0, 5);
        const Numbers<float> x = numbers<float>(rows * stride);
        Numbers<float> out(size_t(columns + kGuard), float(kMark));
        table.f32.sum_rows(x.data(), stride, rows, columns, out.data());
        double total = 0;
        for (int64_t j = 0; j < columns; ++j) {
          double sum = 0;
          for (int64_t i = 0; i < rows; ++i) sum += double(x[size_t(i * stride + j)]);
          QCOMPARE(out[size_t(j)], float(sum));
          total += sum;
        }
        QVERIFY(guarded(out, columns));
        const double all = table.f32.sum(out.data(), 1, columns);
        QVERIFY(std::abs(all - total) <= 1e-5 * (1 + std::abs(total)) * double(columns));
      }
    }
  }

  void correlations() {
    for (const IsaKernels& table : nw::cpu::runnable_isa_kernels()) {
      for (int round = 0; round < kRounds; ++round) check_correlation(table);
    }
  }

  void variants_agree() {
    const auto tables = nw::cpu::runnable_isa_kernels();
    for (const IsaKernels& table : tables) {
      for (int round = 0; round < kRounds; ++round) {
        const int64_t rows = integer(1, 5);
        const int64_t columns = integer(1, 60);
        const Numbers<float> x = numbers<float>(rows * columns);
        Numbers<float> first(x.size());
        Numbers<float> second(x.size());
        for (const bool logarithm : {false, true}) {
          tables[0].f32.softmax(x.data(), logarithm, first.data(), rows, columns);
          table.f32.softmax(x.data(), logarithm, second.data(), rows, columns);
          for (size_t i = 0; i < x.size(); ++i) {
            QVERIFY(std::abs(first[i] - second[i]) <= 2e-6f * (std::abs(first[i]) + 1));
          }
        }
        // Where nothing is rounded, the same bits.
        nw::cpu::HalvingPool<float> pool{1, rows * 2, columns, x.data(), nullptr, nullptr};
        const Numbers<float> image = numbers<float>(rows * 2 * columns);
        pool.x = image.data();
        std::vector<int64_t> where(size_t(rows * columns)), where_too = where;
        pool.y = first.data();
        pool.indices = where.data();
        tables[0].f32.halving_pool(pool);
        pool.y = second.data();
        pool.indices = where_too.data();
        table.f32.halving_pool(pool);
        const auto count = size_t(rows * (columns / 2));
        QCOMPARE(std::memcmp(first.data(), second.data(), count * sizeof(float)), 0);
        QCOMPARE(std::memcmp(where.data(), where_too.data(), count * sizeof(int64_t)), 0);
      }
    }
  }

 private:
  int64_t integer(int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(engine_);
  }
  template <typename T>
  Numbers<T> numbers(int64_t count, double least = -2, double most = 2) {
    std::uniform_real_distribution<double> draw(least, most);
    Numbers<T> out(size_t(count + kGuard));
    for (T& number : out) number = static_cast<T>(draw(engine_));
    return out;
  }

  template <typename T, typename Function>
  void check_function(const IsaKernels& table, UnaryOp op, double least, double most,
                      double most_ulps, const Function& function) {
    constexpr int64_t kCount = 100'003;
    const Numbers<T> x = numbers<T>(kCount, least, most);
    Numbers<T> out(size_t(kCount + kGuard), T(kMark));
    table.of<T>().unary(op, x.data(), 1, out.data(), kCount);
    double worst = 0;
    double where = 0;
    for (size_t i = 0; i < size_t(kCount); ++i) {
      const double error = ulps(out[i], function(double(x[i])));
      if (error > worst) {
        worst = error;
        where = double(x[i]);
      }
    }
    qInfo("%s unary %d: %.2f ulp at %g", std::string(table.name).c_str(), int(op), worst, where);
    QVERIFY(worst <= most_ulps);
    QVERIFY(guarded(out, kCount));
  }

  template <typename T>
  void check_binary(const IsaKernels& table) {
    const int64_t count = integer(1, 600);
    const int64_t a_stride = integer(0, 3);
    const int64_t b_stride = integer(0, 2);
    const Numbers<T> a = numbers<T>(count * 3);
    const Numbers<T> b = numbers<T>(count * 2);
    Numbers<T> out(size_t(count + kGuard), T(kMark));
    table.of<T>().binary(BinaryOp::Sub, a.data(), a_stride, b.data(), b_stride, out.data(), count);
    for (int64_t i = 0; i < count; ++i) {
      QCOMPARE(out[size_t(i)], a[size_t(i * a_stride)] - b[size_t(i * b_stride)]);
    }
    QVERIFY(guarded(out, count));
    table.of<T>().unary(UnaryOp::Neg, a.data(), a_stride, out.data(), count);
    for (int64_t i = 0; i < count; ++i) QCOMPARE(out[size_t(i)], -a[size_t(i * a_stride)]);
    QVERIFY(guarded(out, count));
  }

  void check_correlation(const IsaKernels& table) {
    const int64_t height = integer(1, 5);  // of y
    const int64_t width = integer(1, 40);
    const int64_t row = width + integer(0, 4);  // of x
    nw::cpu::Correlation shape{};
    shape.out_channels = integer(1, 14);
    shape.y_plane = height * width;
    std::vector<nw::cpu::Stretch> stretches;
    for (int64_t h = 0; h < height; ++h) {
      for (int64_t w = 0; w < width; w += table.lanes) {
        stretches.push_back({h * row + w, h * width + w, std::min(table.lanes, width - w)});
      }
    }
    std::vector<int64_t> taps(size_t(integer(1, 20)));
    for (int64_t& tap : taps) tap = integer(0, 30);
    shape.stretches = stretches.data();
    shape.stretch_count = int64_t(stretches.size());
    shape.taps = taps.data();
    shape.tap_count = int64_t(taps.size());
    shape.x_sample = height * row + 30;
    const int64_t channels = shape.out_channels;
    const int64_t samples = integer(1, 3);
    const Numbers<float> x = numbers<float>(samples * shape.x_sample);
    const Numbers<float> weight = numbers<float>(channels * shape.tap_count);
    const Numbers<float> bias = numbers<float>(channels);
    const Numbers<float> grad = numbers<float>(samples * channels * shape.y_plane);
    const auto input = [&](int64_t sample, int64_t h, int64_t w, int64_t tap) {
      return double(x[size_t(sample * shape.x_sample + h * row + w + taps[size_t(tap)])]);
    };

    Numbers<float> y(size_t(channels * shape.y_plane + kGuard), float(kMark));
    table.correlate(shape, x.data(), weight.data(), bias.data(), y.data());
    QVERIFY(guarded(y, channels * shape.y_plane));
    Numbers<float> sums(size_t(channels * shape.tap_count * table.lanes + kGuard), float(kMark));
    std::fill_n(sums.begin(), channels * shape.tap_count * table.lanes, 0.0f);
    table.correlate_grad(shape, samples, grad.data(), x.data(), sums.data());
    QVERIFY(guarded(sums, channels * shape.tap_count * table.lanes));

    for (int64_t o = 0; o < channels; ++o) {
      for (int64_t q = 0; q < shape.y_plane; ++q) {
        double sum = double(bias[size_t(o)]);
        for (int64_t k = 0; k < shape.tap_count; ++k) {
          sum += double(weight[size_t(k * channels + o)]) * input(0, q / width, q % width, k);
        }
        QVERIFY(std::abs(double(y[size_t(o * shape.y_plane + q)]) - sum) <= 1e-4);
      }
      for (int64_t k = 0; k < shape.tap_count; ++k) {
        double sum = 0;
        for (int64_t i = 0; i < samples * shape.y_plane; ++i) {
          const int64_t q = i % shape.y_plane;
          const int64_t sample = i / shape.y_plane;
          sum += double(grad[size_t((sample * channels + o) * shape.y_plane + q)]) *
                 input(sample, q / width, q % width, k);
        }
        double got = 0;
        for (int64_t lane = 0; lane < table.lanes; ++lane) {
          got += double(sums[size_t((o * shape.tap_count + k) * table.lanes + lane)]);
        }
        QVERIFY(std::abs(got - sum) <= 1e-3);
      }
    }
  }

  template <typename T>
  void check_gemm(const IsaKernels& table, int64_t largest) {
    Gemm<T> gemm{};
    gemm.m = integer(1, largest / 2);
    gemm.n = integer(1, largest);
    gemm.k = integer(1, largest);
    const Numbers<T> a = numbers<T>(gemm.m * gemm.k);
    const Numbers<T> b = numbers<T>(gemm.k * gemm.n);
    const Numbers<T> bias = numbers<T>(gemm.n);
    const bool a_turned = integer(0, 1) == 1;
    const bool b_turned = integer(0, 1) == 1;
    gemm.a = a.data();
    gemm.a_row = a_turned ? 1 : gemm.k;
    gemm.a_col = a_turned ? gemm.m : 1;
    gemm.b = b.data();
    gemm.b_row = b_turned ? 1 : gemm.n;
    gemm.b_col = b_turned ? gemm.k : 1;
    gemm.c_row = gemm.n + integer(0, 3);
    gemm.bias = integer(0, 1) == 1 ? bias.data() : nullptr;
    Numbers<T> c(size_t(gemm.m * gemm.c_row + kGuard), T(kMark));
    const int64_t scratch_count = gemm_scratch<T>(gemm.n, gemm.k);
    Numbers<T> scratch(size_t(scratch_count + kGuard), T(kMark));
    gemm.c = c.data();
    gemm.scratch = scratch.data();
    table.of<T>().gemm(gemm);
    const double tolerance = double(std::numeric_limits<T>::epsilon()) * double(gemm.k + 4) * 4;
    for (int64_t i = 0; i < gemm.m; ++i) {
      for (int64_t j = 0; j < gemm.c_row; ++j) {
        const T got = c[size_t(i * gemm.c_row + j)];
        if (j >= gemm.n) {
          QCOMPARE(got, T(kMark));
          continue;
        }
        double sum = gemm.bias != nullptr ? double(gemm.bias[j]) : 0;
        for (int64_t p = 0; p < gemm.k; ++p) {
          sum += double(gemm.a[i * gemm.a_row + p * gemm.a_col]) *
                 double(gemm.b[p * gemm.b_row + j * gemm.b_col]);
        }
        QVERIFY(std::abs(double(got) - sum) <= tolerance);
      }
    }
    QVERIFY(guarded(c, gemm.m * gemm.c_row));
    QVERIFY(guarded(scratch, scratch_count));
  }

  std::mt19937_64 engine_;
};

QTEST_GUILESS_MAIN(TestIsaKernels)
#include "test_isa_kernels.moc"
