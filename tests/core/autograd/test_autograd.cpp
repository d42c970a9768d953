#include <QTest>

#include "core/autograd/engine.h"
#include "core/autograd/gradcheck.h"
#include "core/autograd/node.h"
#include "core/autograd/record.h"
#include "core/backend/creation.h"
#include "core/ops/activation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/reduction.h"

using namespace nw;

namespace {

Tensor leaf(std::initializer_list<double> values) {
  const std::vector<double> list(values);
  return tensor_of<double>(list, {static_cast<int64_t>(list.size())}).set_requires_grad();
}

std::vector<double> values(const Tensor& tensor) {
  const Tensor dense = raw::contiguous(tensor);
  return {dense.data<double>(), dense.data<double>() + dense.numel()};
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

/// x² with a backward that forgets the factor 2.
Tensor wrong_square(const Tensor& x) {
  const autograd::NoGrad guard;
  return ops::mul(x, x);
}

Tensor wrong_square_recorded(const Tensor& x) {
  const Tensor y = wrong_square(x);
  autograd::record(
      "WrongSquare", y, std::array{x}, std::array{x},
      [](const autograd::Node&, const Tensors& grads, Tensors& grad_inputs,
         const std::array<Tensor, 1>& saved) { grad_inputs[0] = ops::mul(grads[0], saved[0]); });
  return y;
}

}  // namespace

class TestAutograd : public QObject {
  Q_OBJECT

 private slots:
  void addsWhatArrivesAtALeaf() {
    const Tensor x = leaf({1, 2, 3});
    autograd::backward(ops::sum(x * x));
    QCOMPARE(values(x.grad()), (std::vector<double>{2, 4, 6}));
    const Tensor held = x.grad();
    autograd::backward(ops::sum(x * 10.0));
    QCOMPARE(values(x.grad()), (std::vector<double>{12, 14, 16}));
    QCOMPARE(values(held), values(x.grad()));  // in place: who holds the gradient sees the sum
  }

  void addsUpWhereOneTensorFeedsMany() {
    const Tensor x = leaf({2, -1});
    const Tensor a = x * 3.0;
    const Tensor b = a * a;  // 9x²: 18x
    const Tensor c = a + a;  // 6x: 6
    autograd::backward(ops::sum(b + c + a));
    QCOMPARE(values(x.grad()), (std::vector<double>{18 * 2 + 6 + 3, -18 + 6 + 3}));
  }

  void aGradientThatTwoLeavesShareStaysTheirOwn() {
    const Tensor x = leaf({1});
    const Tensor y = leaf({1});
    autograd::backward(ops::sum(x + y));
    autograd::backward(ops::sum(x * 5.0));
    QCOMPARE(values(x.grad()), std::vector<double>{6});
    QCOMPARE(values(y.grad()), std::vector<double>{1});
  }

  void theCallersGradientIsNotTakenOver() {
    const Tensor x = leaf({1, 1});
    const Tensor y = x + 0.0;
    const Tensor start = tensor_of<double>(std::vector<double>{1, 2}, {2});
    autograd::backward(y, start, true);
    autograd::backward(y, start);
    QCOMPARE(values(start), (std::vector<double>{1, 2}));
    QCOMPARE(values(x.grad()), (std::vector<double>{2, 4}));
  }

  void aSecondBackwardNeedsTheGraphKept() {
    const Tensor x = leaf({3});
    const Tensor y = ops::sum(x * x);
    autograd::backward(y, {}, true);
    autograd::backward(y);
    QCOMPARE(values(x.grad()), std::vector<double>{12});
    const std::string text = error_of([&] { autograd::backward(y); });
    QVERIFY2(text.find("second time") != std::string::npos, text.c_str());
    QCOMPARE(values(x.grad()), std::vector<double>{12});
  }

  void anEditInPlaceIsNoticed() {
    const Tensor x = leaf({3});
    const Tensor factor = tensor_of<double>(std::vector<double>{2}, {1});
    const Tensor y = ops::sum(x * factor);
    raw::fill_(factor, 7.0);
    const std::string text = error_of([&] { autograd::backward(y); });
    QVERIFY2(text.find("edited in place") != std::string::npos, text.c_str());
  }

  void anErrorLeavesNothingBehindInTheGraph() {
    const Tensor x = leaf({3});
    const Tensor z = leaf({4});
    const Tensor factor = tensor_of<double>(std::vector<double>{2}, {1});
    const Tensor shared = z * 1.0;
    const Tensor broken = ops::sum(shared + x * factor);
    raw::fill_(factor, 7.0);
    QVERIFY(!error_of([&] { autograd::backward(broken); }).empty());
    z.set_grad({});
    autograd::backward(ops::sum(shared));
    QCOMPARE(values(z.grad()), std::vector<double>{1});
  }

  void nothingIsRecordedUnderNoGrad() {
    const Tensor x = leaf({3});
    Tensor y;
    {
      const autograd::NoGrad guard;
      y = x * 2.0;
    }
    QVERIFY(!y.requires_grad());
    QVERIFY((x * 2.0).requires_grad());
    QVERIFY(!error_of([&] { autograd::backward(ops::sum(y)); }).empty());
  }

  void refusesWhatIsNotOneElementWithoutAStart() {
    const Tensor x = leaf({1, 2});
    QVERIFY(!error_of([&] { autograd::backward(x * 2.0); }).empty());
    const Tensor wrong = tensor_of<double>(std::vector<double>{1, 2, 3}, {3});
    QVERIFY(!error_of([&] { autograd::backward(x * 2.0, wrong); }).empty());
    QVERIFY(!x.grad().defined());
  }

  void onlyFloatingLeavesCanRequireAGradient() {
    const Tensor indices = empty({3}, DType::Int64);
    QVERIFY(!error_of([&] { indices.set_requires_grad(); }).empty());
    const Tensor made = leaf({1}) * 2.0;
    QVERIFY(!error_of([&] { made.set_requires_grad(false); }).empty());
  }

  void aVeryDeepGraphIsWalkedAndFreed() {
    const Tensor x = leaf({1});
    {
      Tensor y = x;
      for (int i = 0; i < 300000; ++i) y = y + 0.0;
      autograd::backward(ops::sum(y));
    }
    QCOMPARE(values(x.grad()), std::vector<double>{1});
  }

  void gradcheckPassesTheRightAndCatchesTheWrong() {
    const Tensor x = leaf({0.3, -1.2, 2.5});
    QCOMPARE(autograd::gradcheck([](const Tensors& in) { return ops::tanh(in[0] * in[0]); }, {x}),
             std::string());
    const std::string text =
        autograd::gradcheck([](const Tensors& in) { return wrong_square_recorded(in[0]); }, {x});
    QVERIFY2(text.find("element 0") != std::string::npos, text.c_str());
  }
};

QTEST_GUILESS_MAIN(TestAutograd)
#include "test_autograd.moc"
