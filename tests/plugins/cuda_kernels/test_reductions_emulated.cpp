#include "tests/plugins/cuda_kernels/emulator.h"
// The emulator stands before the kernels, which see a compiler for CUDA.
#include "core/base/random.h"
#include "plugins/cuda/kernels/batch_norm.cu"
#include "plugins/cuda/kernels/group_norm.cu"
#include "plugins/cuda/kernels/random.cu"
#include "plugins/cuda/kernels/reduce.cu"
#include "tests/plugins/cuda_kernels/kernel_check.h"

namespace nw::cuda {

// What reductions of very many numbers leave to other kernels.
void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& out) {
  test::on_cpu().binary(op, a, b, out);
}
void copy(const Tensor& in, const Tensor& out) {
  test::on_cpu().copy(in, out);
}

}  // namespace nw::cuda

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kRounds = 60;

struct Twice {
  Tensor ours, expected;
  Twice() = default;
  Twice(const Dims& sizes, DType dtype)
      : ours(zeros(sizes, dtype)), expected(zeros(sizes, dtype)) {}
};

/// An output that is not wanted now and then.
Twice maybe(const Dims& sizes, DType dtype) {
  return draw().chance(0.8) ? Twice(sizes, dtype) : Twice();
}
bool agree(const Twice& pair, const char* what, double slack = 1) {
  return !pair.ours.defined() || test::agree(pair.ours, pair.expected, what, slack);
}

Dims some_ones(const Dims& sizes) {
  Dims kept = sizes;
  for (int64_t& size : kept) {
    if (draw().chance(0.5)) size = 1;
  }
  return kept;
}

Dims channel_sizes() {
  if (draw().chance(0.4)) return {draw().integer(2, 400), draw().integer(1, 70), 1};
  return {draw().integer(1, 5), draw().integer(1, 9), draw().integer(2, 600)};
}

/// Whether the moments of drawn numbers are near those of N(0, 1).
void check_moments(const Tensor& x, double mean, double variance) {
  double sum = 0;
  double squares = 0;
  const Tensor wide = raw::to(raw::contiguous(x), DType::Float64);
  for (int64_t i = 0; i < wide.numel(); ++i) {
    const double value = wide.data<double>()[i];
    sum += value;
    squares += value * value;
  }
  const auto count = static_cast<double>(wide.numel());
  const double spread = std::sqrt(variance / count);
  QVERIFY(std::abs(sum / count - mean) < 6 * spread);
  QVERIFY(std::abs(squares / count - sum / count * (sum / count) - variance) < 0.1 * variance);
}

}  // namespace

/// Sums, extremes, running sums, normalisation and random numbers.
class TestReductionsEmulated : public QObject {
  Q_OBJECT

 private slots:
  void reduce() {
    for (int round = 0; round < 4 * kRounds; ++round) {
      const auto op = static_cast<ReduceOp>(round % 4);
      const bool adds = op == ReduceOp::Sum || op == ReduceOp::Prod;
      const DType dtype = draw().chance(0.6) ? any_floating() : any_whole(!adds);
      Dims sizes = any_sizes();
      if (!sizes.empty() && draw().chance(0.1)) sizes.front() = draw().integer(1000, 3000);
      const Tensor x = arranged(draw(), numbers_of(sizes, dtype, !adds && draw().chance(0.3)));
      const Twice out(x.numel() == 0 && !adds ? sizes : some_ones(sizes), dtype);
      cuda::reduce(op, x, out.ours);
      on_cpu().reduce(op, x, out.expected);
      QVERIFY2(agree(out, "reduce", op == ReduceOp::Sum ? 50 : 10),
               qPrintable(QString::fromStdString(describe(x)) + QString(" op %1").arg(round % 4)));
    }
  }

  void very_many_numbers_are_cut() {
    for (int round = 0; round < 4 * kRounds; ++round) {
      const auto op = static_cast<ReduceOp>(round % 4);
      const bool adds = op == ReduceOp::Sum || op == ReduceOp::Prod;
      const DType dtype = draw().chance(0.6) ? any_floating() : any_whole(!adds);
      const Tensor x = arranged(draw(), numbers_of(any_sizes(), dtype));
      if (x.numel() == 0) continue;
      const Twice out(some_ones(x.sizes()), dtype);
      cuda::reduce_up_to(draw().integer(1, 40), op, x, out.ours);
      on_cpu().reduce(op, x, out.expected);
      QVERIFY2(agree(out, "reduce", 200),
               qPrintable(QString::fromStdString(describe(x)) + QString(" op %1").arg(round % 4)));
    }
  }

  void sums_of_complex_numbers() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = round % 2 == 0 ? DType::Complex64 : DType::Complex128;
      Dims sizes = any_sizes();
      if (!sizes.empty() && draw().chance(0.1)) sizes.front() = draw().integer(1000, 3000);
      const Tensor x = arranged(draw(), numbers_of(sizes, dtype));
      const auto op = x.numel() > 60 || draw().chance(0.5) ? ReduceOp::Sum : ReduceOp::Prod;
      const Twice out(some_ones(sizes), dtype);
      cuda::reduce(op, x, out.ours);
      on_cpu().reduce(op, x, out.expected);
      QVERIFY(agree(out, "reduce", 100));
      const Dims lines{draw().integer(1, 3), draw().integer(1, 70), draw().integer(1, 3)};
      const Tensor given = numbers_of(lines, dtype);
      const Twice running(lines, dtype);
      cuda::scan(ReduceOp::Sum, given, running.ours);
      on_cpu().scan(ReduceOp::Sum, given, running.expected);
      QVERIFY(agree(running, "scan", 50));
    }
  }

  void rows_of_equal_numbers_have_no_variance() {
    for (const DType dtype : {DType::Float32, DType::Float64}) {
      for (const double value : {0.1, 1e3 / 3, -7.7e-5}) {
        const Tensor x = full({1, 1, 1, 1000}, value, dtype);
        const Tensor rstd = empty({1, 1}, dtype);
        const Tensor mean = empty({1, 1}, dtype);
        const Tensor y = empty(x.sizes(), dtype);
        cuda::group_norm(x, {}, {}, 0.25, y, mean, rstd);
        QCOMPARE(rstd.item(), 2.0);
        QCOMPARE(mean.item(), x.as_strided({}, {}, 0).item());
        const Tensor variance = empty({1}, dtype);
        const Tensor channel_mean = empty({1}, dtype);
        cuda::batch_norm(x.as_strided({1, 1, 1000}, {1000, 1000, 1}, 0), {}, {}, 0.25,
                         y.as_strided({1, 1, 1000}, {1000, 1000, 1}, 0), channel_mean, variance);
        QCOMPARE(variance.item(), 0.0);
      }
    }
  }

  void long_sums_are_cut_into_parts() {
    const Tensor x = draw().numbers({3, 20000}, DType::Float32);
    const Twice rows({3, 1}, DType::Float32);
    const Twice columns({1, 20000}, DType::Float32);
    const Twice all({1, 1}, DType::Float32);
    const Tensor turned = x.as_strided({20000, 3}, {3, 1}, 0);
    const Twice tall({1, 3}, DType::Float32);
    const auto check = [&](const Tensor& from, const Twice& out) {
      cuda::sum(from, out.ours);
      on_cpu().sum(from, out.expected);
      QVERIFY(agree(out, "sum", 30));
      const Tensor again = empty(out.ours.sizes());
      cuda::sum(from, again);
      QVERIFY(equal_bits(again, out.ours, "repeated"));
    };
    check(x, rows);
    check(x, columns);
    check(x, all);
    check(turned, tall);
  }

  void extreme() {
    for (int round = 0; round < 2 * kRounds; ++round) {
      const auto op = round % 2 == 0 ? ReduceOp::Max : ReduceOp::Min;
      const DType dtype = draw().chance(0.6) ? any_floating() : any_whole();
      const Dims sizes{draw().integer(1, 9), draw().integer(1, 400)};
      const Tensor x = numbers_of(sizes, dtype, draw().chance(0.5));
      const Twice values = maybe({sizes[0]}, dtype);
      const Twice indices({sizes[0]}, DType::Int64);
      cuda::extreme(op, x, values.ours, indices.ours);
      on_cpu().extreme(op, x, values.expected, indices.expected);
      QVERIFY(agree(values, "values"));
      QVERIFY(agree(indices, "indices"));
    }
  }

  void scan() {
    for (int round = 0; round < 2 * kRounds; ++round) {
      const auto op = round % 2 == 0 ? ReduceOp::Sum : ReduceOp::Prod;
      const DType dtype = draw().chance(0.6) ? any_floating() : any_whole(false);
      const Dims sizes{draw().integer(1, 4),
                       draw().chance(0.3) ? draw().integer(256, 900) : draw().integer(1, 60),
                       draw().integer(1, 5)};
      const Tensor x = numbers_of(sizes, dtype);
      const Twice out(sizes, dtype);
      cuda::scan(op, x, out.ours);
      on_cpu().scan(op, x, out.expected);
      QVERIFY(agree(out, "scan", 2));
    }
  }

  void batch_norm() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const DType wide = wide_of(dtype);
      const Dims sizes = channel_sizes();
      const Dims channels{sizes[1]};
      const Tensor x = numbers_of(sizes, dtype);
      if (draw().chance(0.3)) on_cpu().affine(x, 1, 20, x);
      const Tensor weight = draw().chance(0.7) ? numbers_of(channels, dtype) : Tensor();
      const Tensor bias = draw().chance(0.7) ? numbers_of(channels, dtype) : Tensor();
      const Twice y(sizes, dtype);
      const Twice mean(channels, wide);
      const Twice variance(channels, wide);
      cuda::batch_norm(x, weight, bias, 1e-3, y.ours, mean.ours, variance.ours);
      on_cpu().norm->batch_norm(x, weight, bias, 1e-3, y.expected, mean.expected,
                                variance.expected);
      QVERIFY(agree(y, "batch_norm", 20));
      QVERIFY(agree(mean, "mean", 4));
      QVERIFY(agree(variance, "variance", 4));
      const Twice fixed(sizes, dtype);
      cuda::batch_norm_fixed(x, mean.expected, variance.expected, weight, bias, 1e-3, fixed.ours);
      on_cpu().norm->batch_norm_fixed(x, mean.expected, variance.expected, weight, bias, 1e-3,
                                      fixed.expected);
      QVERIFY(agree(fixed, "batch_norm_fixed", 4));

      const Tensor grad = numbers_of(sizes, dtype);
      const bool is_fixed = draw().chance(0.4);
      const Twice grad_x = maybe(sizes, dtype);
      const Twice grad_weight = maybe(channels, dtype);
      const Twice grad_bias = maybe(channels, dtype);
      cuda::batch_norm_grad(grad, x, mean.expected, variance.expected, weight, 1e-3, is_fixed,
                            grad_x.ours, grad_weight.ours, grad_bias.ours);
      on_cpu().norm->batch_norm_grad(grad, x, mean.expected, variance.expected, weight, 1e-3,
                                     is_fixed, grad_x.expected, grad_weight.expected,
                                     grad_bias.expected);
      QVERIFY(agree(grad_x, "grad_x", 50));
      QVERIFY(agree(grad_weight, "grad_weight", 50));
      QVERIFY(agree(grad_bias, "grad_bias", 50));
    }
  }

  void a_channel_without_spread() {
    const Tensor x = full({4, 3, 37}, 0.3);
    const Twice y({4, 3, 37}, DType::Float32);
    const Twice mean({3}, DType::Float32);
    const Twice variance({3}, DType::Float32);
    cuda::batch_norm(x, Tensor(), Tensor(), 0, y.ours, mean.ours, variance.ours);
    QVERIFY(equal_bits(variance.ours, variance.expected, "variance"));
    QVERIFY(equal_bits(y.ours, y.expected, "y"));
  }

  void track() {
    for (int round = 0; round < kRounds; ++round) {
      const Dims channels{draw().integer(1, 40)};
      const BatchTracking tracking{draw().real(0, 1), draw().chance(0.5), 1.25};
      const Tensor mean = draw().numbers(channels, DType::Float32);
      const Tensor variance = draw().numbers(channels, DType::Float32);
      const Tensor before = draw().numbers(channels, DType::Float32);
      const Tensor ours[] = {full({}, 4, DType::Int64), raw::clone(before), raw::clone(before)};
      const Tensor expected[] = {full({}, 4, DType::Int64), raw::clone(before), raw::clone(before)};
      cuda::track(tracking, mean, variance, ours[0], ours[1], ours[2]);
      on_cpu().norm->track(tracking, mean, variance, expected[0], expected[1], expected[2]);
      for (int i = 0; i < 3; ++i) QVERIFY(test::agree(ours[i], expected[i], "track"));
    }
  }

  void group_norm() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const DType wide = wide_of(dtype);
      const bool layer = draw().chance(0.5);
      const Dims sizes = layer ? Dims{draw().integer(1, 60), 1, draw().integer(2, 300), 1}
                               : Dims{draw().integer(1, 6), draw().integer(1, 4),
                                      draw().integer(1, 6), draw().integer(2, 50)};
      const Dims weights{sizes[1] * sizes[2]};
      const Dims rows{sizes[0], sizes[1]};
      const Tensor x = numbers_of(sizes, dtype);
      const Tensor weight = draw().chance(0.7) ? numbers_of(weights, dtype) : Tensor();
      const Tensor bias = draw().chance(0.7) ? numbers_of(weights, dtype) : Tensor();
      const Twice y(sizes, dtype);
      const Twice mean(rows, wide);
      const Twice rstd(rows, wide);
      cuda::group_norm(x, weight, bias, 1e-3, y.ours, mean.ours, rstd.ours);
      on_cpu().norm->group_norm(x, weight, bias, 1e-3, y.expected, mean.expected, rstd.expected);
      QVERIFY(agree(y, "group_norm", 10));
      QVERIFY(agree(mean, "mean", 4));
      QVERIFY(agree(rstd, "rstd", 10));
      const Tensor grad = numbers_of(sizes, dtype);
      const Twice grad_x = maybe(sizes, dtype);
      const Twice grad_weight = maybe(weights, dtype);
      const Twice grad_bias = maybe(weights, dtype);
      cuda::group_norm_grad(grad, x, mean.expected, rstd.expected, weight, grad_x.ours,
                            grad_weight.ours, grad_bias.ours);
      on_cpu().norm->group_norm_grad(grad, x, mean.expected, rstd.expected, weight, grad_x.expected,
                                     grad_weight.expected, grad_bias.expected);
      QVERIFY(agree(grad_x, "grad_x", 50));
      QVERIFY(agree(grad_weight, "grad_weight", 50));
      QVERIFY(agree(grad_bias, "grad_bias", 50));
    }
  }

  /// The three known answers of the authors' library (Random123, kat_vectors).
  void philox_gives_the_known_answers() {
    const auto words = [](uint64_t seed, uint64_t offset, uint64_t sequence) {
      const cuda::PhiloxWords drawn = cuda::philox_words(seed, offset, sequence);
      return std::vector<uint32_t>(drawn.at, drawn.at + 4);
    };
    QCOMPARE(words(0, 0, 0),
             (std::vector<uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    QCOMPARE(words(~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}),
             (std::vector<uint32_t>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    QCOMPARE(words(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e),
             (std::vector<uint32_t>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  }

  void random_numbers_are_as_they_should() {
    for (const DType dtype : {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16}) {
      Generator generator(7);
      const Tensor x = result({57, 101}, dtype);
      cuda::uniform(generator, -1, 3, x);
      check_moments(x, 1, 16.0 / 12);
      cuda::normal(generator, 2, 0.5, x);
      check_moments(x, 2, 0.25);
      cuda::bernoulli(generator, 0.3, x);
      check_moments(x, 0.3, 0.21);
      cuda::randint(generator, -5, 6, x);
      check_moments(x, 0, 10);
      const Tensor p = full({57, 101}, 0.8, dtype);
      const Tensor dense = empty({57, 101}, DType::UInt8);
      cuda::bernoulli_each(generator, p, dense);
      check_moments(dense, 0.8, 0.16);
    }
  }

  void random_numbers_depend_on_seed_and_place_alone() {
    const auto drawn = [](uint64_t seed, int64_t count) {
      Generator generator(seed);
      const Tensor x = empty({count});
      cuda::uniform(generator, 0, 1, x);
      const Tensor next = empty({count});
      cuda::uniform(generator, 0, 1, next);
      return std::pair(x, next);
    };
    const auto [first, next] = drawn(3, 1000);
    const auto [again, unused] = drawn(3, 5000);
    QVERIFY(equal_bits(again.as_strided({1000}, {1}, 0), first, "the same beginning"));
    QVERIFY(!bit_difference(first, next, "").empty());
    QVERIFY(!bit_difference(first, drawn(4, 1000).first, "").empty());
    Generator generator(3);
    const Tensor certain = zeros({100}, DType::Int64);
    cuda::bernoulli(generator, 1, certain);
    QVERIFY(equal_bits(certain, full({100}, 1, DType::Int64), "p = 1"));
    cuda::bernoulli(generator, 0, certain);
    QVERIFY(equal_bits(certain, zeros({100}, DType::Int64), "p = 0"));
  }
};

QTEST_GUILESS_MAIN(TestReductionsEmulated)
#include "test_reductions_emulated.moc"
