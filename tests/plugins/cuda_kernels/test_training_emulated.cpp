#include <cstring>
#include <set>

#include "core/backend/activation_kernels.h"
#include "core/backend/loss_kernels.h"
#include "core/backend/optimizer_formulas.h"
#include "core/base/random.h"
#include "tests/plugins/cuda_kernels/kernel_check.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kRounds = 60;

Dims lines() {
  const bool apart = draw().chance(0.4);
  return {draw().integer(1, 5),
          draw().chance(0.2) ? draw().integer(200, 700) : draw().integer(1, 70),
          apart ? draw().integer(2, 40) : 1};
}

/// Two copies of the same numbers, for kernels that work in place.
struct Twice {
  Tensor ours, expected;
  explicit Twice(const Tensor& x) : ours(raw::clone(x)), expected(raw::clone(x)) {}
};

/// Gradients, parameters, and what a rule keeps.
using Lists = std::array<std::vector<Tensor>, 2 + kMostKept>;

/// What step_by() reads.
Tensor numbers_of_rule(const StepRule& rule, DType dtype) {
  const Tensor out = zeros({static_cast<int64_t>(kRuleBytes)}, DType::UInt8, kCpu);
  std::visit(
      [&](const auto& own) {
        using Rule = std::decay_t<decltype(own)>;
        const StepNumbers<Rule, double> wide(own);
        const StepNumbers<Rule, float> narrow(own);
        const bool is_wide = dtype == DType::Float64;
        std::memcpy(out.raw(), is_wide ? static_cast<const void*>(&wide) : &narrow,
                    is_wide ? sizeof(wide) : sizeof(narrow));
      },
      rule);
  return out;
}

/// One of each.
std::vector<StepRule> any_rules() {
  const auto now_and_then = [](double value) { return draw().chance(0.5) ? value : 0; };
  const bool maximize = draw().chance(0.3);
  const double decay = now_and_then(0.1);
  const double lr = draw().real(0.01, 1);
  const double beta1 = draw().real(0, 0.95);
  const double beta2 = draw().real(0, 0.999);
  const bool nesterov = draw().chance(0.3);
  const double momentum = nesterov ? 0.9 : now_and_then(0.8);
  const double dampening = nesterov ? 0 : draw().real(0, 0.5);
  const int64_t step = draw().integer(1, 50);
  return {
      SgdStep{lr, momentum, dampening, decay, nesterov, maximize, draw().chance(0.3)},
      AdamStep{lr, beta1, beta2, 1e-6, decay, draw().chance(0.5), maximize, step,
               1 - now_and_then(0.01)},
      AdamaxStep{lr, beta1, beta2, 1e-6, decay, maximize, step},
      NAdamStep{beta1, beta2, 1e-6, decay, lr, lr / 2, draw().real(0.1, 1)},
      RAdamStep{beta1, beta2, 1e-6, decay, lr, draw().chance(0.5)},
      RMSpropStep{lr, draw().real(0.5, 0.99), 1e-2, decay, now_and_then(0.9), draw().chance(0.3),
                  maximize},
      AdagradStep{lr, 1e-6, decay, maximize},
      AdadeltaStep{lr, beta2, 1e-6, decay, maximize},
      AsgdStep{lr, 1 - 1e-3, draw().chance(0.3) ? 1 : 0.25, decay, maximize},
  };
}

bool keeps(const StepRule& rule, int place) {
  return std::visit(
      [&](const auto& own) {
        return StepFormula<std::decay_t<decltype(own)>, double>(own).keeps(place);
      },
      rule);
}

Activation any_activation(ActivationKind kind) {
  Activation f{kind, draw().real(0.1, 1), draw().real(0.5, 2), draw().real(0.5, 2)};
  if (kind == ActivationKind::Hardtanh) f.b = f.a + draw().real(0.1, 2);
  if (kind == ActivationKind::Softplus) f.b = 20;
  return f;
}

}  // namespace

/// Activations, softmax, losses and optimiser steps.
class TestTrainingEmulated : public QObject {
  Q_OBJECT

 private slots:
  void activations() {
    for (int kind = 0; kind <= static_cast<int>(ActivationKind::Threshold); ++kind) {
      for (int round = 0; round < 30; ++round) {
        const Activation f = any_activation(static_cast<ActivationKind>(kind));
        const DType dtype = any_floating();
        const Dims sizes = any_sizes();
        const Tensor x = numbers_of(sizes, dtype);
        const Tensor grad = numbers_of(sizes, dtype);
        const Tensor ours = empty(sizes, dtype);
        const Tensor expected = empty(sizes, dtype);
        cuda::kActivationKernels.forward(f, x, ours);
        on_cpu().activation->forward(f, x, expected);
        QVERIFY2(agree(ours, expected, "forward", 2), qPrintable(QString("kind %1").arg(kind)));
        cuda::kActivationKernels.backward(f, grad, x, ours);
        on_cpu().activation->backward(f, grad, x, expected);
        QVERIFY2(agree(ours, expected, "backward", 2), qPrintable(QString("kind %1").arg(kind)));
      }
    }
  }

  void rrelu_draws_where_x_is_not_above_zero() {
    for (const DType dtype : {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16}) {
      const Tensor x = numbers_of({501}, dtype, true);
      const Tensor factors = empty({501}, dtype);
      const Tensor again = empty({501}, dtype);
      Generator generator(5);
      Generator same(5);
      cuda::kActivationKernels.rrelu_factors(generator, 0.25, 0.5, x, factors);
      cuda::kActivationKernels.rrelu_factors(same, 0.25, 0.5, x, again);
      QVERIFY(equal_bits(factors, again, "repeated"));
      std::set<double> drawn;
      for (int64_t i = 0; i < 501; ++i) {
        const double factor = factors.as_strided({}, {}, i).item();
        if (x.as_strided({}, {}, i).item() <= 0) {
          QVERIFY(factor >= 0.25 && factor <= 0.5);
          drawn.insert(factor);
        } else {
          QCOMPARE(factor, 1.0);
        }
      }
      QVERIFY(drawn.size() > 30);
      cuda::emulated_note() = {};
      cuda::kActivationKernels.rrelu_factors(generator, 0.5, 0.25, x, factors);
      QCOMPARE(cuda::fault_text(cuda::emulated_note()),
               std::string("[RReLU] lower must be at most upper, is 0.5 of 0.25"));
      cuda::emulated_note() = {};
    }
  }

  void prelu() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const Dims sizes = lines();
      const Tensor x = numbers_of(sizes, dtype, true);
      const Tensor grad = numbers_of(sizes, dtype);
      const Tensor weight = numbers_of({sizes[1]}, dtype);
      const Twice y(x);
      const Twice grad_weight(x);
      cuda::kActivationKernels.prelu(x, weight, y.ours);
      on_cpu().activation->prelu(x, weight, y.expected);
      QVERIFY(agree(y.ours, y.expected, "prelu"));
      cuda::kActivationKernels.prelu_grad(grad, x, weight, y.ours, grad_weight.ours);
      on_cpu().activation->prelu_grad(grad, x, weight, y.expected, grad_weight.expected);
      QVERIFY(agree(y.ours, y.expected, "prelu_grad"));
      QVERIFY(agree(grad_weight.ours, grad_weight.expected, "grad_weight"));
    }
  }

  void softmax() {
    for (int round = 0; round < 2 * kRounds; ++round) {
      const DType dtype = any_floating();
      Dims sizes = lines();
      // Rows that fit into a warp and such that do not, whole packs of 16 bytes and not.
      if (draw().chance(0.3)) sizes[1] = 8 * draw().integer(1, 150);
      if (draw().chance(0.1)) sizes[1] = draw().integer(1000, 1100);
      const Tensor x = numbers_of(sizes, dtype);
      const Tensor grad = numbers_of(sizes, dtype);
      const bool logarithm = draw().chance(0.5);
      const Tensor ours = empty(sizes, dtype);
      const Tensor expected = empty(sizes, dtype);
      cuda::softmax(x, logarithm, ours);
      on_cpu().softmax(x, logarithm, expected);
      QVERIFY(agree(ours, expected, "softmax", 2));
      cuda::softmax_grad(grad, expected, logarithm, ours);
      const Tensor slope = empty(sizes, dtype);
      on_cpu().softmax_grad(grad, expected, logarithm, slope);
      QVERIFY(agree(ours, slope, "softmax_grad", 4));
    }
  }

  void softmax_of_infinities() {
    const Tensor x = full({2, 40, 1}, -std::numeric_limits<double>::infinity());
    raw::fill_(x.as_strided({}, {}, 47), 3.0);
    const Tensor ours = empty(x.sizes());
    const Tensor expected = empty(x.sizes());
    for (const bool logarithm : {false, true}) {
      cuda::softmax(x, logarithm, ours);
      on_cpu().softmax(x, logarithm, expected);
      QVERIFY(agree(ours, expected, "softmax"));
    }
  }

  void cross_entropy() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const Dims sizes{draw().integer(0, 300), draw().integer(1, 50)};
      const Tensor x = numbers_of(sizes, dtype);
      const Tensor target = draw().whole({sizes[0]}, 0, sizes[1] - 1);
      const int64_t ignore = draw().chance(0.5) ? 0 : -100;
      const Twice loss(zeros({}, dtype));
      const Twice grad(zeros(sizes, dtype));
      cuda::cross_entropy(x, target, ignore, loss.ours, grad.ours);
      on_cpu().cross_entropy(x, target, ignore, loss.expected, grad.expected);
      QVERIFY(agree(loss.ours, loss.expected, "loss", 2));
      QVERIFY(agree(grad.ours, grad.expected, "grad", 2));
    }
  }

  void targets_outside_are_noted() {
    const Tensor x = draw().numbers({3, 4}, DType::Float32);
    const Tensor target = full({3}, 4, DType::Int64);
    cuda::emulated_note() = {};
    cuda::cross_entropy(x, target, -100, empty({}), empty({3, 4}));
    QCOMPARE(cuda::emulated_note().kind, static_cast<int>(cuda::FaultKind::Target));
    QCOMPARE(cuda::emulated_note().value, int64_t{4});
    cuda::emulated_note() = {};
    cuda::nll(x.as_strided({3, 4, 1}, {4, 1, 1}, 0), target.as_strided({3, 1}, {1, 1}, 0), Tensor(),
              -100, empty({3, 1}), empty({3, 1}));
    QCOMPARE(cuda::emulated_note().kind, static_cast<int>(cuda::FaultKind::Target));
    cuda::emulated_note() = {};
  }

  void nll() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const Dims sizes{draw().integer(1, 6), draw().integer(1, 20), draw().integer(1, 9)};
      const Dims rows{sizes[0], sizes[2]};
      const Tensor x = numbers_of(sizes, dtype);
      const Tensor target = draw().whole(rows, 0, sizes[1] - 1);
      const Tensor weight = draw().chance(0.5) ? numbers_of({sizes[1]}, dtype) : Tensor();
      const int64_t ignore = draw().chance(0.5) ? 0 : -100;
      const Twice loss(zeros(rows, dtype));
      const Twice weights(zeros(rows, dtype));
      cuda::nll(x, target, weight, ignore, loss.ours, weights.ours);
      on_cpu().nll(x, target, weight, ignore, loss.expected, weights.expected);
      QVERIFY(agree(loss.ours, loss.expected, "nll"));
      QVERIFY(agree(weights.ours, weights.expected, "weights"));
      const Twice grad(x);
      cuda::nll_grad(loss.expected, target, weight, ignore, grad.ours);
      on_cpu().nll_grad(loss.expected, target, weight, ignore, grad.expected);
      QVERIFY(agree(grad.ours, grad.expected, "nll_grad"));
    }
  }

  void pointwise_losses() {
    for (int round = 0; round < 4 * kRounds; ++round) {
      const auto kind = static_cast<PointwiseLoss>(round % 5);
      const DType dtype = any_floating();
      const Dims sizes = any_sizes();
      const bool probabilities = kind == PointwiseLoss::BinaryCrossEntropy;
      const Tensor x =
          probabilities ? raw::to(draw().probabilities(sizes), dtype) : numbers_of(sizes, dtype);
      const Tensor target = raw::to(draw().probabilities(sizes), dtype);
      const Tensor grad = numbers_of(sizes, dtype);
      const double parameter =
          kind == PointwiseLoss::SmoothL1 && draw().chance(0.2) ? 0 : draw().real(0.2, 2);
      const Twice out(x);
      cuda::kLossKernels.pointwise(kind, parameter, x, target, out.ours);
      on_cpu().loss->pointwise(kind, parameter, x, target, out.expected);
      QVERIFY2(agree(out.ours, out.expected, "loss", 2),
               qPrintable(QString("kind %1").arg(round % 5)));
      cuda::kLossKernels.pointwise_grad(kind, parameter, grad, x, target, out.ours);
      on_cpu().loss->pointwise_grad(kind, parameter, grad, x, target, out.expected);
      QVERIFY2(agree(out.ours, out.expected, "slope", 2),
               qPrintable(QString("kind %1").arg(round % 5)));
    }
    QCOMPARE(cuda::emulated_note().kind, 0);
    cuda::kLossKernels.pointwise(PointwiseLoss::BinaryCrossEntropy, 0, full({2}, 1.5), zeros({2}),
                                 empty({2}));
    QCOMPARE(cuda::emulated_note().kind, static_cast<int>(cuda::FaultKind::Probability));
    cuda::emulated_note() = {};
  }

  void row_norms() {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const double degrees[] = {0, 0.5, 1, 2, 3, kInfinity, -kInfinity};
    for (int round = 0; round < 4 * kRounds; ++round) {
      const double p = degrees[round % 7];
      const DType dtype = any_floating();
      const Dims sizes{draw().integer(1, 6), draw().integer(1, 300)};
      const Tensor x = numbers_of(sizes, dtype);
      if (draw().chance(0.3)) raw::fill_(x.as_strided({sizes[1]}, {1}, 0), 0.0);
      const Twice norm(zeros({sizes[0]}, dtype));
      cuda::kLossKernels.row_norm(x, p, norm.ours);
      on_cpu().loss->row_norm(x, p, norm.expected);
      QVERIFY2(agree(norm.ours, norm.expected, "norm", 20), qPrintable(QString::number(p)));
      const Tensor grad = numbers_of({sizes[0]}, dtype);
      const Twice slope(x);
      cuda::kLossKernels.row_norm_grad(grad, x, p, norm.expected, slope.ours);
      on_cpu().loss->row_norm_grad(grad, x, p, norm.expected, slope.expected);
      QVERIFY2(agree(slope.ours, slope.expected, "norm_grad", 4), qPrintable(QString::number(p)));
    }
  }

  /// The CPU's too: its numbers are the same, bit for bit.
  void steps_by_numbers_in_memory() {
    for (int round = 0; round < kRounds; ++round) {
      for (const StepRule& rule : any_rules()) {
        const DType dtype = any_floating();
        const int64_t size = draw().integer(0, 60);
        std::array<std::vector<Tensor>, 2 + kMostKept> by_value, by_memory;
        for (size_t k = 0; k < by_value.size(); ++k) {
          if (k > 1 && !keeps(rule, static_cast<int>(k - 2))) continue;
          by_value[k] = {numbers_of({size}, dtype)};
          on_cpu().unary(UnaryOp::Abs, raw::clone(by_value[k][0]), by_value[k][0]);
          by_memory[k] = {raw::clone(by_value[k][0])};
        }
        const auto& [g, p, a, b, c] = by_value;
        on_cpu().optimizer->step(rule, g, p, a, b, c);
        const auto& [g2, p2, a2, b2, c2] = by_memory;
        on_cpu().optimizer->step_by(rule, numbers_of_rule(rule, dtype), {}, g2, p2, a2, b2, c2);
        for (size_t k = 0; k < by_value.size(); ++k) {
          if (by_value[k].empty()) continue;
          const std::string text = bit_difference(by_memory[k][0], by_value[k][0], "step_by");
          QVERIFY2(text.empty(), text.c_str());
        }
      }
    }
  }

  void scales_of_a_loss() {
    for (int round = 0; round < 10 * kRounds; ++round) {
      const double scale = draw().chance(0.1) ? 3e38 : draw().real(1e-3, 1e5);
      const Twice scales(full({}, scale, DType::Float32, kCpu));
      const Twice inverses(full({}, 7, DType::Float32, kCpu));
      const Twice good(full({}, draw().integer(0, 3), DType::Int64, kCpu));
      const Tensor found = full({}, draw().integer(0, 2), DType::Float32, kCpu);
      const double growth = draw().real(1.1, 4);
      cuda::kOptimizerKernels.update_scale(found, growth, 0.5, 3, scales.ours, inverses.ours,
                                           good.ours);
      on_cpu().optimizer->update_scale(found, growth, 0.5, 3, scales.expected, inverses.expected,
                                       good.expected);
      QCOMPARE(scales.ours.item(), scales.expected.item());
      QCOMPARE(inverses.ours.item(), inverses.expected.item());
      QCOMPARE(good.ours.item(), good.expected.item());
      QCOMPARE(inverses.ours.item(), double(float(1 / scales.ours.item())));
    }
  }

  /// All rules, on lists of tensors of any sizes, some of which lie askew in memory.
  void optimizer_steps() {
    for (int round = 0; round < 2 * kRounds; ++round) {
      for (const StepRule& rule : any_rules()) {
        const DType dtype = any_floating();
        Lists ours, expected;
        for (int64_t i = draw().chance(0.02) ? 330 : draw().integer(1, 6); i > 0; --i) {
          const int64_t size =
              draw().chance(0.05) ? draw().integer(4000, 9000) : draw().integer(0, 60);
          for (size_t k = 0; k < ours.size(); ++k) {
            const int64_t gap = draw().chance(0.2) ? 1 : 0;
            const Tensor room = numbers_of({size + gap}, dtype);
            if (k > 1) on_cpu().unary(UnaryOp::Abs, raw::clone(room), room);
            // What is divided by is far from 0 (a gradient and its weight's decay may cancel), and
            // a mean square well above the square of the mean, which is taken from it.
            if (k == 2 || k == 3) on_cpu().affine(raw::clone(room), 1, 1, room);
            if (k == 4) on_cpu().affine(raw::clone(room), 0.01, 0, room);
            const Twice twice(room);
            ours[k].push_back(twice.ours.as_strided({size}, {1}, gap));
            expected[k].push_back(twice.expected.as_strided({size}, {1}, gap));
          }
        }
        for (size_t k = 0; k < kMostKept; ++k) {
          if (keeps(rule, static_cast<int>(k))) continue;
          ours[2 + k].clear();
          expected[2 + k].clear();
        }
        if (draw().chance(0.5)) {
          cuda::kOptimizerKernels.step(rule, ours[0], ours[1], ours[2], ours[3], ours[4]);
        } else {  // read from memory, after it was to be left out once
          const Tensor numbers = numbers_of_rule(rule, dtype);
          for (const float skip : {1.0f, 0.0f}) {
            const Tensor flag = full({}, skip, DType::Float32, kCpu);
            cuda::kOptimizerKernels.step_by(rule, numbers,
                                            draw().chance(0.5) || skip ? flag : Tensor(), ours[0],
                                            ours[1], ours[2], ours[3], ours[4]);
          }
        }
        on_cpu().optimizer->step(rule, expected[0], expected[1], expected[2], expected[3],
                                 expected[4]);
        for (size_t k = 0; k < ours.size(); ++k) {
          for (size_t i = 0; i < ours[k].size(); ++i) {
            QVERIFY2(agree(ours[k][i], expected[k][i], "step", 4),
                     qPrintable(QString("rule %1, list %2").arg(rule.index()).arg(k)));
          }
        }
      }
    }
  }

  void norms_and_scales_of_lists() {
    constexpr double kDegrees[] = {2, 1, 0, 3, 0.5, HUGE_VAL, -HUGE_VAL};
    for (int round = 0; round < 2 * kRounds; ++round) {
      const DType dtype = any_floating();
      std::vector<Tensor> ours, expected;
      for (int64_t i = draw().chance(0.05) ? 330 : draw().integer(1, 6); i > 0; --i) {
        const int64_t size =
            draw().chance(0.2) ? draw().integer(4000, 9000) : draw().integer(0, 60);
        const Twice twice(numbers_of({size}, dtype));
        ours.push_back(twice.ours);
        expected.push_back(twice.expected);
      }
      const auto count = static_cast<int64_t>(ours.size());
      const Twice norms(zeros({count}, dtype));
      cuda::kOptimizerKernels.norms(kDegrees[round % 7], ours, norms.ours);
      on_cpu().optimizer->norms(kDegrees[round % 7], expected, norms.expected);
      QVERIFY2(agree(norms.ours, norms.expected, "norms", 20),
               qPrintable(QString::number(kDegrees[round % 7])));
      if (draw().chance(0.5)) {
        const Tensor& any = ours[static_cast<size_t>(draw().integer(0, count - 1))];
        if (any.numel() > 0) raw::fill_(any.as_strided({}, {}, 0), HUGE_VAL);
        for (size_t i = 0; i < ours.size(); ++i) raw::copy_(expected[i], ours[i]);
      }
      const Tensor factor = full({}, 0.125, DType::Float32, kCpu);
      const Twice found(zeros({}));
      cuda::kOptimizerKernels.scale(1.7, ours);
      on_cpu().optimizer->scale(1.7, expected);
      cuda::kOptimizerKernels.scale_by(ours, factor, found.ours);
      on_cpu().optimizer->scale_by(expected, factor, found.expected);
      QCOMPARE(found.ours.item(), found.expected.item());
      for (size_t i = 0; i < ours.size(); ++i) QVERIFY(agree(ours[i], expected[i], "scale"));
    }
  }
};

QTEST_GUILESS_MAIN(TestTrainingEmulated)
#include "test_training_emulated.moc"
