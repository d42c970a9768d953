#include "tests/simulator/emulator.h"
// The emulator stands before the kernels, which see a compiler for CUDA.
#include "core/backend/activation_kernels.h"
#include "core/base/random.h"
#include "plugins/cuda/kernels/philox.h"
#include "plugins/cuda/kernels/reduce.cu"
#include "tests/plugins/cuda_kernels/kernel_check.h"

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
  if (draw().chance(0.3)) return {draw().integer(2, 400), draw().integer(1, 70)};
  if (draw().chance(0.3)) return {draw().integer(1, 5), draw().integer(1, 9), 2, 3, 4};
  return {draw().integer(1, 5), draw().integer(1, 70), draw().integer(2, 300)};
}

/// A pair of tensors with these sizes, row-major or channels-last.
Twice laid_out(const Dims& sizes, DType dtype, bool innermost) {
  Twice pair(sizes, dtype);
  const Dims strides = innermost ? channels_last_strides(sizes) : contiguous_strides(sizes);
  for (Tensor* one : {&pair.ours, &pair.expected}) *one = one->as_strided(sizes, strides, 0);
  return pair;
}

/// Of numbers that are normalised: their dtype, or float32 beside 16 bits.
DType dtype_of_weights(DType dtype) {
  return is_half(dtype) && draw().chance(0.5) ? DType::Float32 : dtype;
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
        const Tensor running_mean = zeros({1}, dtype);
        const Tensor running_variance = full({1}, 3, dtype);
        Tensor kept;
        cuda::batch_norm(x, {}, {}, 0.25, {.momentum = 1}, {}, running_mean, running_variance, y,
                         mean.as_strided({1}, {1}, 0), rstd.as_strided({1}, {1}, 0), kept);
        QCOMPARE(rstd.item(), 2.0);
        QCOMPARE(running_mean.item(), x.as_strided({}, {}, 0).item());
        QCOMPARE(running_variance.item(), 0.0);
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
    for (int round = 0; round < 2 * kRounds; ++round) {
      const DType dtype = any_floating();
      const DType wide = wide_of(dtype);
      const Dims sizes = channel_sizes();
      const Dims channels{sizes[1]};
      const bool innermost = sizes.size() > 2 && draw().chance(0.5);
      const Tensor x = laid_out(sizes, dtype, innermost).ours;
      on_cpu().affine(numbers_of(sizes, dtype), 1, draw().chance(0.3) ? 20 : 0, x);
      const auto parameter = [&](bool positive) {
        const Tensor drawn = numbers_of(channels, dtype_of_weights(dtype));
        if (!positive) return drawn;
        on_cpu().unary(UnaryOp::Square, drawn, drawn);
        on_cpu().affine(drawn, 1, 0.5, drawn);
        return drawn;
      };
      const Tensor weight = draw().chance(0.7) ? parameter(false) : Tensor();
      const Tensor bias = draw().chance(0.7) ? parameter(false) : Tensor();
      const BatchTracking tracking{draw().real(0, 1), draw().chance(0.5)};
      const bool tracked = draw().chance(0.7);
      const Tensor before = parameter(true);
      const auto running = [&] {
        return tracked
                   ? std::array{full({}, 4, DType::Int64), raw::clone(before), raw::clone(before)}
                   : std::array<Tensor, 3>();
      };
      const auto ours = running();
      const auto expected = running();
      const Twice y = laid_out(sizes, dtype, innermost);
      const Twice mean(channels, wide);
      const Twice rstd(channels, wide);
      Tensor kept;
      cuda::batch_norm(x, weight, bias, 1e-3, tracking, ours[0], ours[1], ours[2], y.ours,
                       mean.ours, rstd.ours, kept);
      QVERIFY(!kept.defined());
      on_cpu().norm->batch_norm(x, weight, bias, 1e-3, tracking, expected[0], expected[1],
                                expected[2], y.expected, mean.expected, rstd.expected, kept);
      QVERIFY(agree(y, "batch_norm", 20));
      QVERIFY(agree(mean, "mean", 4));
      QVERIFY(agree(rstd, "rstd", 10));
      for (size_t i = 0; i < 3 && tracked; ++i) {
        QVERIFY(test::agree(ours[i], expected[i], "running", 4));
      }

      const Tensor grad = laid_out(sizes, dtype, innermost).ours;
      raw::copy_(grad, numbers_of(sizes, dtype));
      const Twice grad_x = draw().chance(0.8) ? laid_out(sizes, dtype, innermost) : Twice();
      const Twice grad_weight = maybe(channels, dtype_of_weights(dtype));
      const Twice grad_bias = maybe(channels, dtype_of_weights(dtype));
      const auto gradients_agree = [&] {
        return agree(grad_x, "grad_x", 50) && agree(grad_weight, "grad_weight", 50) &&
               agree(grad_bias, "grad_bias", 50);
      };
      cuda::batch_norm_grad(grad, x, mean.expected, rstd.expected, kept, weight, 1e-3, grad_x.ours,
                            grad_weight.ours, grad_bias.ours);
      on_cpu().norm->batch_norm_grad(grad, x, mean.expected, rstd.expected, kept, weight, 1e-3,
                                     grad_x.expected, grad_weight.expected, grad_bias.expected);
      QVERIFY(gradients_agree());

      cuda::batch_norm_fixed(x, mean.expected, before, weight, bias, 1e-3, y.ours);
      on_cpu().norm->batch_norm_fixed(x, mean.expected, before, weight, bias, 1e-3, y.expected);
      QVERIFY(agree(y, "batch_norm_fixed", 4));
      cuda::batch_norm_fixed_grad(grad, x, mean.expected, before, weight, 1e-3, grad_x.ours,
                                  grad_weight.ours, grad_bias.ours);
      on_cpu().norm->batch_norm_fixed_grad(grad, x, mean.expected, before, weight, 1e-3,
                                           grad_x.expected, grad_weight.expected,
                                           grad_bias.expected);
      QVERIFY(gradients_agree());
    }
  }

  void a_channel_without_spread() {
    const Tensor x = full({4, 3, 37}, 0.3);
    const Twice y({4, 3, 37}, DType::Float32);
    const Twice mean({3}, DType::Float32);
    const Twice rstd({3}, DType::Float32);
    Tensor kept;
    cuda::batch_norm(x, {}, {}, 0, {}, {}, {}, {}, y.ours, mean.ours, rstd.ours, kept);
    QVERIFY(equal_bits(rstd.ours, rstd.expected, "rstd"));
    QVERIFY(equal_bits(y.ours, y.expected, "y"));
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

  void dropout() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const int64_t count = draw().integer(1, 300);
      const int64_t offset = draw().integer(0, 1);  // now and then packs of 16 bytes do not fit
      const Tensor x = numbers_of({count + 1}, dtype, true).as_strided({count}, {1}, offset);
      const double p = draw().real(0.1, 0.9);
      const Twice mask({count}, dtype);
      const Twice kept({count}, DType::Bool);
      const Twice y({count}, dtype);
      const Tensor product = zeros({count}, dtype);
      Generator ours(7);
      Generator also_ours(7);
      cuda::bernoulli(ours, p, mask.ours);
      cuda::dropout(also_ours, p, 1.25, x, kept.ours, y.ours);
      QCOMPARE(ours.philox_offset(), also_ours.philox_offset());
      Generator cpu(7);
      Generator also_cpu(7);
      on_cpu().bernoulli(cpu, p, mask.expected);
      on_cpu().activation->dropout(also_cpu, p, 1.25, x, kept.expected, y.expected);
      QVERIFY(cpu == also_cpu);
      const auto is_product = [&](const Tensor& drawn, const Tensor& flags, const Tensor& result) {
        QVERIFY(equal_bits(raw::to(flags, dtype), drawn, "kept"));
        on_cpu().affine(drawn, 1.25, 0, drawn);
        on_cpu().binary(BinaryOp::Mul, x, drawn, product);
        QVERIFY(test::agree(result, product, "dropout", 0));
      };
      is_product(mask.ours, kept.ours, y.ours);
      is_product(mask.expected, kept.expected, y.expected);
      cuda::dropout_grad(x, kept.ours, 1.25, y.ours);
      on_cpu().activation->dropout_grad(x, kept.ours, 1.25, y.expected);
      QVERIFY(test::agree(y.ours, y.expected, "dropout_grad", 0));
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
