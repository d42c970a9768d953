#include "tests/plugins/cuda_kernels/emulator.h"
// The emulator stands before the kernels, which see a compiler for CUDA.
#include "core/backend/activation_kernels.h"
#include "core/backend/loss_kernels.h"
#include "plugins/cuda/kernels/activation.cu"
#include "plugins/cuda/kernels/loss.cu"
#include "plugins/cuda/kernels/optimizer.cu"
#include "plugins/cuda/kernels/softmax.cu"
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
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = any_floating();
      const Dims sizes = lines();
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

  void optimizer_steps() {
    for (int round = 0; round < 2 * kRounds; ++round) {
      const DType dtype = any_floating();
      const Dims sizes{draw().integer(1, 1000)};
      const Tensor grad = numbers_of(sizes, dtype);
      const Twice param(numbers_of(sizes, dtype));
      const Twice buffer(numbers_of(sizes, dtype));
      const bool nesterov = draw().chance(0.3);
      const SgdStep sgd{draw().real(0.01, 1),
                        nesterov || draw().chance(0.5) ? 0.9 : 0,
                        nesterov ? 0 : draw().real(0, 0.5),
                        draw().chance(0.5) ? 0.1 : 0,
                        nesterov,
                        draw().chance(0.3),
                        draw().chance(0.3)};
      cuda::sgd(sgd, grad, param.ours, buffer.ours);
      on_cpu().sgd(sgd, grad, param.expected, buffer.expected);
      QVERIFY(agree(param.ours, param.expected, "sgd"));
      QVERIFY(agree(buffer.ours, buffer.expected, "momentum"));

      const Tensor positive = empty(sizes, dtype);
      on_cpu().unary(UnaryOp::Square, numbers_of(sizes, dtype), positive);
      const Twice mean(numbers_of(sizes, dtype));
      const Twice square(positive);
      const Twice largest(positive);
      const AdamStep adam{draw().real(0.01, 1),         draw().real(0, 0.95),
                          draw().real(0, 0.999),        1e-6,
                          draw().chance(0.5) ? 0.1 : 0, draw().chance(0.5),
                          draw().chance(0.3),           draw().integer(1, 50)};
      const auto most = [&](const Tensor& x) { return adam.amsgrad ? x : Tensor(); };
      cuda::adam(adam, grad, param.ours, mean.ours, square.ours, most(largest.ours));
      on_cpu().adam(adam, grad, param.expected, mean.expected, square.expected,
                    most(largest.expected));
      QVERIFY(agree(param.ours, param.expected, "adam", 4));
      QVERIFY(agree(mean.ours, mean.expected, "mean"));
      QVERIFY(agree(square.ours, square.expected, "square"));
      QVERIFY(agree(largest.ours, largest.expected, "largest"));
    }
  }
};

QTEST_GUILESS_MAIN(TestTrainingEmulated)
#include "test_training_emulated.moc"
