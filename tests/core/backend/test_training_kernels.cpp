#include "core/backend/backend.h"
#include "core/backend/optimizer_kernels.h"
#include "core/base/random.h"
#include "tests/core/backend/naive.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kRounds = 300;

const Kernels& kernels() {
  return backend_of(kCpu).kernels();
}

}  // namespace

/// Softmax, losses, optimiser steps and random numbers on the CPU.
class TestTrainingKernels : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { draw_ = std::make_unique<Draw>(test_seed()); }

  void softmax() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = random_floating(*draw_);
      const Dims sizes{draw_->integer(1, 5), draw_->integer(1, 70), draw_->integer(1, 3)};
      const Tensor x = draw_->numbers(sizes, dtype);
      const Tensor grad = draw_->numbers(sizes, dtype);
      for (const bool logarithm : {false, true}) {
        const Tensor y = empty(sizes, dtype);
        kernels().softmax(x, logarithm, y);
        const auto total = [&](const Dims& i, const std::function<double(const Dims&)>& term) {
          double sum = 0;
          for (int64_t j = 0; j < sizes[1]; ++j) sum += term({i[0], j, i[2]});
          return sum;
        };
        const auto exponential = [&](const Dims& i) { return std::exp(at(x, i)); };
        const Tensor expected = filled(sizes, dtype, [&](const Dims& i) {
          const double sum = total(i, exponential);
          return logarithm ? at(x, i) - std::log(sum) : exponential(i) / sum;
        });
        QVERIFY(same(y, expected, "softmax"));
        const Tensor grad_x = empty(sizes, dtype);
        kernels().softmax_grad(grad, y, logarithm, grad_x);
        const Tensor slope = filled(sizes, dtype, [&](const Dims& i) {
          if (logarithm) {
            return at(grad, i) -
                   std::exp(at(y, i)) * total(i, [&](const Dims& j) { return at(grad, j); });
          }
          return at(y, i) *
                 (at(grad, i) - total(i, [&](const Dims& j) { return at(grad, j) * at(y, j); }));
        });
        QVERIFY(same(grad_x, slope, "softmax_grad", 2));
      }
    }
  }

  void large_logits_do_not_overflow() {
    const Tensor x =
        filled({1, 20, 1}, DType::Float32, [](const Dims& i) { return i[1] == 4 ? 1e30 : -1e30; });
    const Tensor y = empty({1, 20, 1});
    kernels().softmax(x, false, y);
    for (int i = 0; i < 20; ++i) QCOMPARE(y.data<float>()[i], i == 4 ? 1.0f : 0.0f);
  }

  void cross_entropy() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = random_floating(*draw_);
      const int64_t rows = draw_->integer(1, round % 20 == 0 ? 3000 : 40);
      const int64_t classes = draw_->integer(1, 40);
      const Tensor x = draw_->numbers({rows, classes}, dtype);
      const Tensor target = draw_->whole({rows}, 0, classes - 1);
      for (int64_t i = 0; i < rows; ++i) {
        if (draw_->chance(0.1)) target.data<int64_t>()[i] = -100;
      }
      const Tensor loss = empty({}, dtype);
      const Tensor grad = empty({rows, classes}, dtype);
      kernels().cross_entropy(x, target, -100, loss, grad);

      // The same by log_softmax and nll.
      const Tensor logs = empty({rows, classes, 1}, dtype);
      kernels().softmax(x.as_strided({rows, classes, 1}, {classes, 1, 1}, 0), true, logs);
      const Tensor losses = empty({rows, 1}, dtype);
      const Tensor weights = empty({rows, 1}, dtype);
      const Tensor targets = target.as_strided({rows, 1}, {1, 1}, 0);
      kernels().nll(logs, targets, {}, -100, losses, weights);
      double total = 0;
      double kept = 0;
      for (int64_t i = 0; i < rows; ++i) {
        total += at(losses, {i, 0});
        kept += at(weights, {i, 0});
      }
      if (kept == 0) {
        QVERIFY(std::isnan(loss.item()));
        continue;
      }
      QVERIFY(same(loss, full({}, total / kept, dtype), "loss"));
      const Tensor expected = filled({rows, classes}, dtype, [&](const Dims& i) {
        const int64_t t = target.data<int64_t>()[i[0]];
        if (t == -100) return 0.0;
        return (std::exp(at(logs, {i[0], i[1], 0})) - (t == i[1] ? 1.0 : 0.0)) / kept;
      });
      QVERIFY(same(grad, expected, "grad_logits", 2));
    }
  }

  void nll_with_weights() {
    const Tensor logs = draw_->numbers({3, 4, 2}, DType::Float32);
    const Tensor target = draw_->whole({3, 2}, 0, 3);
    target.data<int64_t>()[5] = -7;
    const Tensor weight = draw_->numbers({4}, DType::Float32);
    const Tensor out = empty({3, 2});
    const Tensor weights = empty({3, 2});
    kernels().nll(logs, target, weight, -7, out, weights);
    const Tensor grad = draw_->numbers({3, 2}, DType::Float32);
    const Tensor grad_logs = full({3, 4, 2}, 9);
    kernels().nll_grad(grad, target, weight, -7, grad_logs);
    for_each_index({3, 4, 2}, [&](const Dims& i) {
      const int64_t t = target.data<int64_t>()[i[0] * 2 + i[2]];
      const Dims where{i[0], i[2]};
      if (t == -7) {
        QCOMPARE(at(out, where), 0.0);
        QCOMPARE(at(weights, where), 0.0);
      } else {
        QCOMPARE(at(weights, where), at(weight, {t}));
        QCOMPARE(float(at(out, where)), float(-at(weight, {t}) * at(logs, {i[0], t, i[2]})));
      }
      const double slope = t == i[1] ? -at(weight, {t}) * at(grad, where) : 0;
      QCOMPARE(float(at(grad_logs, i)), float(slope));
    });
  }

  void target_outside_is_an_error() {
    const Tensor x = zeros({5, 10});
    const Tensor target = zeros({5}, DType::Int64);
    target.data<int64_t>()[3] = 12;
    try {
      kernels().cross_entropy(x, target, -100, empty({}), empty({5, 10}));
      QFAIL("no error");
    } catch (const Error& error) {
      QCOMPARE(error.text(), "[CrossEntropyLoss] target 12 at sample 3 is outside 0 … 9");
    }
    target.data<int64_t>()[3] = -1;
    const Tensor targets = target.as_strided({5, 1}, {1, 1}, 0);
    QVERIFY_THROWS_EXCEPTION(
        Error, kernels().nll(zeros({5, 10, 1}), targets, {}, -100, empty({5, 1}), empty({5, 1})));
  }

  void sgd_and_adam() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = random_floating(*draw_);
      const Dims sizes{draw_->integer(1, 100)};
      const Tensor param = draw_->numbers(sizes, dtype);
      const Tensor buffer = draw_->numbers(sizes, dtype);
      const Tensor grad = draw_->numbers(sizes, dtype);
      const bool nesterov = draw_->chance(0.5);
      const SgdStep step{0.1,
                         0.9,
                         nesterov ? 0 : 0.3,
                         draw_->chance(0.5) ? 0.01 : 0,
                         nesterov,
                         draw_->chance(0.5),
                         draw_->chance(0.3)};
      const Tensor new_buffer = empty(sizes, dtype);
      const Tensor new_param = filled(sizes, dtype, [&](const Dims& i) {
        const double g = (step.maximize ? -1 : 1) * at(grad, i) + step.weight_decay * at(param, i);
        const double b = step.first ? g : step.momentum * at(buffer, i) + (1 - step.dampening) * g;
        put(new_buffer, i, b);
        return at(param, i) - step.lr * (step.nesterov ? g + step.momentum * b : b);
      });
      kernels().optimizer->step(step, {&grad, 1}, {&param, 1}, {&buffer, 1}, {}, {});
      QVERIFY(same(param, new_param, "sgd"));
      QVERIFY(same(buffer, new_buffer, "momentum"));
    }
    for (int round = 0; round < kRounds; ++round) adam_once();
  }

  void lists_of_tensors() {
    constexpr double kDegrees[] = {2, 1, 0, 3, 0.5, HUGE_VAL, -HUGE_VAL};
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = random_floating(*draw_);
      std::vector<Tensor> all;
      for (int64_t i = draw_->integer(1, 5); i > 0; --i) {
        const bool large = draw_->chance(0.05);
        all.push_back(draw_->numbers({large ? 200000 : draw_->integer(0, 40)}, dtype));
      }
      const auto count = static_cast<int64_t>(all.size());
      const double p = kDegrees[round % 7];
      const Tensor norms = empty({count}, dtype);
      kernels().optimizer->norms(p, all, norms);
      const Tensor expected = filled({count}, dtype, [&](const Dims& i) {
        return norm_of(all[static_cast<size_t>(i[0])], p);
      });
      QVERIFY(same(norms, expected, "norms", 4));
      std::vector<Tensor> scaled;
      for (const Tensor& x : all) {
        scaled.push_back(filled(x.sizes(), dtype, [&](const Dims& i) { return at(x, i) * 0.25; }));
      }
      kernels().optimizer->scale(0.25, all);
      for (size_t i = 0; i < all.size(); ++i) QVERIFY(same(all[i], scaled[i], "scale"));
    }
  }

  void unscaling_finds_what_is_not_finite() {
    for (const DType dtype : {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16}) {
      for (const double bad : {1.0, HUGE_VAL, -HUGE_VAL, std::nan("")}) {
        std::vector<Tensor> all{draw_->numbers({50000}, dtype), draw_->numbers({21}, dtype)};
        const auto number = [](const Tensor& x, int64_t i) {
          return x.as_strided({}, {}, i).item();
        };
        raw::fill_(all[static_cast<size_t>(draw_->integer(0, 1))].as_strided({}, {}, 5), bad);
        const Tensor factor = full({}, 0.5, DType::Float32, kCpu);
        const Tensor found = full({}, 0, DType::Float32, kCpu);
        const double before = number(all[1], 20);
        kernels().optimizer->scale_by(all, factor, found);
        QCOMPARE(*found.data<float>(), bad == 1 ? 0.0f : 1.0f);
        QCOMPARE(number(all[1], 20), before / 2);
        kernels().optimizer->scale_by({&factor, 1}, factor, found);
        QCOMPARE(*found.data<float>(), bad == 1 ? 0.0f : 1.0f);
      }
    }
  }

  void random_streams() {
    Generator ours(7);
    Generator expected(7);
    const Tensor x = empty({50});
    kernels().uniform(ours, -0.5, 1.5, x);
    for (int i = 0; i < 50; ++i) {
      QCOMPARE(x.data<float>()[i], std::fma(expected.uniform_float(), 2.0f, -0.5f));
    }
    const Tensor mask = empty({1000}, DType::Float64);
    kernels().bernoulli(ours, 0.3, mask);
    for (int i = 0; i < 1000; ++i) {
      QCOMPARE(mask.data<double>()[i], expected.uniform_double() < 0.3 ? 1.0 : 0.0);
    }
  }

 private:
  static double norm_of(const Tensor& x, double p) {
    double total = p < 0 && x.numel() > 0 ? HUGE_VAL : 0;
    for (int64_t i = 0; i < x.numel(); ++i) {
      const double size = std::abs(at(x, {i}));
      if (std::isinf(p)) {
        total = p > 0 ? std::max(total, size) : std::min(total, size);
      } else {
        total += p == 0 ? (size != 0) : std::pow(size, p);
      }
    }
    return std::isinf(p) || p == 0 ? total : std::pow(total, 1 / p);
  }

  void adam_once() {
    const DType dtype = random_floating(*draw_);
    const Dims sizes{draw_->integer(1, 100)};
    const Tensor param = draw_->numbers(sizes, dtype);
    const Tensor mean = draw_->numbers(sizes, dtype);
    const auto positive = [&](const Tensor& x) {
      return filled(sizes, dtype, [&](const Dims& i) { return at(x, i) * at(x, i); });
    };
    const Tensor square = positive(draw_->numbers(sizes, dtype));
    const Tensor largest = positive(draw_->numbers(sizes, dtype));
    const Tensor grad = draw_->numbers(sizes, dtype);
    const AdamStep step{0.01,
                        0.8,
                        0.95,
                        1e-6,
                        draw_->chance(0.5) ? 0.1 : 0,
                        draw_->chance(0.5),
                        draw_->chance(0.5),
                        draw_->integer(1, 50)};
    const double bias1 = 1 - std::pow(step.beta1, double(step.step));
    const double bias2 = 1 - std::pow(step.beta2, double(step.step));
    const Tensor expected = filled(sizes, dtype, [&](const Dims& i) {
      const double g = (step.maximize ? -1 : 1) * at(grad, i) + step.weight_decay * at(param, i);
      const double m = step.beta1 * at(mean, i) + (1 - step.beta1) * g;
      double v = step.beta2 * at(square, i) + (1 - step.beta2) * g * g;
      if (step.amsgrad) v = std::max(v, at(largest, i));
      return at(param, i) - step.lr / bias1 * m / (std::sqrt(v) / std::sqrt(bias2) + step.eps);
    });
    const std::span<const Tensor> third(&largest, step.amsgrad ? 1 : 0);
    kernels().optimizer->step(step, {&grad, 1}, {&param, 1}, {&mean, 1}, {&square, 1}, third);
    QVERIFY(same(param, expected, "adam", 2));
  }

  std::unique_ptr<Draw> draw_;
};

QTEST_GUILESS_MAIN(TestTrainingKernels)
#include "test_training_kernels.moc"
