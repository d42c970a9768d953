#include <QTest>
#include <complex>
#include <thread>

#include "core/autograd/engine.h"
#include "core/autograd/gradcheck.h"
#include "core/autograd/hooks.h"
#include "core/autograd/record.h"
#include "core/autograd/view.h"
#include "core/ops/arithmetic.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"
#include "tests/core/autograd/values.h"

using namespace nw;
using namespace nw::test;
using Values = std::vector<double>;

/// backward() of several outputs, grad(), and the modes.
class TestGradients : public QObject {
  Q_OBJECT

 private slots:
  void severalOutputsAddUp() {
    const Tensor x = leaf({1, 2});
    const Tensor shared = x * 2.0;
    autograd::backward({ops::sum(shared), shared * 3.0}, {Tensor(), constant({1, 10})});
    QCOMPARE(values(x.grad()), (Values{2 + 6, 2 + 60}));
  }

  void chosenLeavesAloneGetGradients() {
    const Tensor x = leaf({2});
    const Tensor y = leaf({3});
    autograd::backward({ops::sum(x * y)}, {}, false, {y});
    QVERIFY(!x.grad().defined());
    QCOMPARE(values(y.grad()), Values{2});
    const Tensor made = x * 2.0;
    QVERIFY(!error_of([&] { autograd::backward({ops::sum(made)}, {}, false, {made}); }).empty());
  }

  void gradGivesGradientsOfLeavesAndOthers() {
    const Tensor x = leaf({1, 2});
    const Tensor y = x * x;
    const Tensors grads = autograd::grad({ops::sum(y * 3.0)}, {y, x});
    QCOMPARE(values(grads[0]), (Values{3, 3}));
    QCOMPARE(values(grads[1]), (Values{6, 12}));
    QVERIFY(!x.grad().defined());
  }

  void gradOfTheOutputItselfIsWhatItStartsFrom() {
    const Tensor x = leaf({1, 2});
    const Tensor y = x * 2.0;
    const Tensors grads = autograd::grad({y}, {y, x}, {constant({5, 7})});
    QCOMPARE(values(grads[0]), (Values{5, 7}));
    QCOMPARE(values(grads[1]), (Values{10, 14}));
  }

  void gradWalksOnlyWhereItMust() {
    const Tensor x = leaf({1});
    const Tensor y = leaf({1});
    int visits = 0;
    const Tensor side = y * 2.0;
    autograd::register_hook(side, [&](const Tensor&) {
      ++visits;
      return Tensor();
    });
    autograd::grad({ops::sum(x * 3.0 + side)}, {x});
    QCOMPARE(visits, 0);
  }

  void unusedInputsAreToldOrLeftOut() {
    const Tensor x = leaf({1});
    const Tensor unused = leaf({1});
    const Tensor y = ops::sum(x * 2.0);
    QVERIFY(!error_of([&] {
               autograd::grad({y}, {x, unused}, {}, {.retain_graph = true});
             }).empty());
    const Tensors grads = autograd::grad({y}, {x, unused}, {}, {.allow_unused = true});
    QCOMPARE(values(grads[0]), Values{2});
    QVERIFY(!grads[1].defined());
    QVERIFY(!error_of([&] { autograd::grad({y}, {constant({1})}); }).empty());
  }

  void modesNest() {
    const Tensor x = leaf({1});
    const autograd::NoGrad outer;
    QVERIFY(!(x * 2.0).requires_grad());
    {
      const autograd::EnableGrad inner;
      QVERIFY((x * 2.0).requires_grad());
      const autograd::GradMode off(false);
      QVERIFY(!(x * 2.0).requires_grad());
    }
    QVERIFY(!autograd::grad_enabled());
  }

  void aComplexResultNeedsAStart() {
    const std::vector<std::complex<double>> one{{1, 2}};
    const Tensor z = tensor_of<std::complex<double>>(one, {1}).set_requires_grad();
    QVERIFY(!error_of([&] { autograd::backward(z * 2.0); }).empty());
    autograd::backward(z * 2.0, tensor_of<std::complex<double>>(one, {1}));
    QCOMPARE(z.grad().data<std::complex<double>>()[0], (std::complex<double>(2, 4)));
  }

  void oneNodeOfManyOutputsWaitsForAllOfThem() {
    const Tensor x = leaf({1, 2, 3});
    const Tensors parts = ops::unbind(x * 2.0);
    autograd::backward(parts[0] * 10.0 + parts[2] * parts[2]);
    QCOMPARE(values(x.grad()), (Values{20, 0, 24}));
  }

  void turningAGradientOffFreezesALeaf() {
    const Tensor x = leaf({1});
    x.set_requires_grad(false);
    QVERIFY(!(x * 2.0).requires_grad());
    x.set_requires_grad();
    autograd::backward(ops::sum(x * 2.0));
    QCOMPARE(values(x.grad()), Values{2});
  }

  void aLeafThatWasFrozenAfterItsUseGetsNothing() {
    const Tensor x = leaf({1});
    const Tensor y = ops::sum(x * 2.0);
    x.set_requires_grad(false);
    autograd::backward(y, {}, true);
    QVERIFY(!x.grad().defined());
    x.set_requires_grad();
    autograd::backward(y, {}, true);
    QCOMPARE(values(x.grad()), Values{2});
    autograd::detach_(x);
    autograd::backward(y);
    QCOMPARE(values(x.grad()), Values{2});
  }

  void aStartIsConverted() {
    const Tensor x = leaf({1, 2});
    autograd::backward(x * 2.0, raw::to(constant({3, 4}), DType::Int64));
    QCOMPARE(values(x.grad()), (Values{6, 8}));
    const Tensor complex = raw::to(constant({3, 4}), DType::Complex128);
    QVERIFY(error_of([&] { autograd::backward(x * 2.0, complex); }).starts_with("[backward]"));
  }

  void aGradientThatDoesNotFitIsRefused() {
    const Tensor x = leaf({1, 2});
    for (const Tensor& grad : {constant({1}), raw::to(constant({1, 2}), DType::Float32),
                               raw::to(constant({1, 2}), kMeta)}) {
      QVERIFY(error_of([&] { x.set_grad(grad); }).starts_with("[set_grad]"));
    }
    QVERIFY(!x.grad().defined());
  }

  /// Tensors may outlive all that belongs to a thread, as those of static storage do.
  void aGraphIsFreedWhenItsThreadHasEnded() {
    std::thread([] {
      static thread_local std::vector<Tensor> kept;  // made first, so destroyed last
      kept.reserve(1);
      Tensor y = leaf({1});
      for (int i = 0; i < 20; ++i) y = y * 1.0 + y;
      kept.push_back(y * 2.0);
      y = Tensor();
      Tensor(leaf({1}) * 2.0 + leaf({2}) * 3.0);
    }).join();
    QCOMPARE(values(leaf({1}) * 2.0), Values{2});
  }

  void aMillionNodesAreWalkedAndFreed() {
    const Tensor x = leaf({1});
    Tensor y = x;
    for (int i = 0; i < 1'000'000; ++i) y = y * 1.0;
    const Tensors found = autograd::grad({ops::sum(y)}, {x});
    QCOMPARE(values(found[0]), Values{1});
  }

  void aChainOfDoubleEdgesIsFreed() {
    const Tensor x = leaf({1});
    Tensor y = x;
    for (int i = 0; i < 200'000; ++i) y = (y + y) * 0.5;
    autograd::backward(ops::sum(y));
    QCOMPARE(values(x.grad()), Values{1});
  }

  void gradcheckSeesAWrongImaginaryPart() {
    const std::vector<std::complex<double>> numbers{{1, 2}, {-0.5, 0.3}};
    const Tensor z = tensor_of<std::complex<double>>(numbers, {2}).set_requires_grad();
    const auto square = [](const Tensors& in) { return in[0] * in[0]; };
    QCOMPARE(autograd::gradcheck(square, {z}), std::string());
    const std::string text = autograd::gradcheck(
        [](const Tensors& in) {
          const Tensor& x = in[0];
          const Tensor y = x.detach() * x.detach();
          // The gradient without the conjugate.
          autograd::record("Square", y, std::array{x}, std::array{x},
                           [](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
                              const std::array<Tensor, 1>& saved) {
                             grad_inputs[0] = grads[0] * saved[0] * 2.0;
                           });
          return y;
        },
        {z});
    QVERIFY2(!text.empty(), "a gradient without its conjugate passes");
  }

  void gradcheckSeesABackwardThatTrustsDenseGradients() {
    const Tensor x = constant({1, 2, 3, 4}).as_strided({2, 2}, {2, 1}, 0).set_requires_grad();
    const std::string text = autograd::gradcheck(
        [](const Tensors& in) {
          const Tensor y = in[0].detach() * 1.0;
          autograd::record(
              "Copy", y, std::array{in[0]}, std::array<Tensor, 0>{},
              [](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
                grad_inputs[0] = grads[0].as_strided({2, 2}, {2, 1}, 0);
              });
          return y;
        },
        {x});
    QVERIFY2(text.find("scattered") != std::string::npos, text.c_str());
  }
};

QTEST_GUILESS_MAIN(TestGradients)
#include "test_gradients.moc"
