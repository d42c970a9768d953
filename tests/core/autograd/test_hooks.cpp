#include "core/autograd/hooks.h"

#include <QTest>
#include <stdexcept>

#include "core/autograd/engine.h"
#include "core/autograd/record.h"
#include "core/ops/arithmetic.h"
#include "core/ops/in_place.h"
#include "core/ops/reduction.h"
#include "tests/core/autograd/values.h"

using namespace nw;
using namespace nw::test;
using Values = std::vector<double>;

namespace {

autograd::TensorHook doubling() {
  return [](const Tensor& grad) { return grad * 2.0; };
}

}  // namespace

class TestHooks : public QObject {
  Q_OBJECT

 private slots:
  void aHookSeesTheWholeGradientOnce() {
    const Tensor x = leaf({1, 2});
    const Tensor y = x * 3.0;
    std::vector<Values> seen;
    autograd::register_hook(y, [&](const Tensor& grad) {
      seen.push_back(values(grad));
      return Tensor();
    });
    autograd::backward(ops::sum(y * y + y));  // 2y + 1
    QCOMPARE(seen, (std::vector<Values>{{7, 13}}));
    QCOMPARE(values(x.grad()), (Values{21, 39}));
  }

  void aHookReplacesTheGradient() {
    const Tensor x = leaf({1, 1});
    const Tensor y = x * 3.0;
    autograd::register_hook(y, doubling());
    autograd::register_hook(y, doubling());
    autograd::backward(ops::sum(y));
    QCOMPARE(values(x.grad()), (Values{12, 12}));
  }

  void aLeafsHookRunsOnTheWholeGradientBeforeItIsAdded() {
    const Tensor x = leaf({1});
    int runs = 0;
    autograd::register_hook(x, [&](const Tensor& grad) {
      ++runs;
      return grad * 10.0;
    });
    autograd::backward(ops::sum(x * 2.0 + x * 3.0));
    QCOMPARE(runs, 1);
    QCOMPARE(values(x.grad()), Values{50});
    autograd::backward(ops::sum(x * 1.0));
    QCOMPARE(values(x.grad()), Values{60});  // what was there is not scaled again
  }

  void aRemovedHookRunsNoMore() {
    const Tensor x = leaf({1});
    auto handle = autograd::register_hook(x, doubling());
    autograd::backward(ops::sum(x * 1.0));
    handle.remove();
    autograd::backward(ops::sum(x * 1.0));
    QCOMPARE(values(x.grad()), Values{3});
    handle.remove();  // again: nothing to do
  }

  void aHookMayRemoveItself() {
    const Tensor x = leaf({1});
    std::optional<autograd::TensorHookHandle> handle;
    handle = autograd::register_hook(x, [&](const Tensor& grad) {
      handle->remove();
      return grad * 5.0;
    });
    autograd::register_hook(x, doubling());
    autograd::backward(ops::sum(x * 1.0));
    autograd::backward(ops::sum(x * 1.0));
    QCOMPARE(values(x.grad()), Values{12});
  }

  void aHandleOutlivesItsTensor() {
    std::optional<autograd::TensorHookHandle> handle;
    {
      const Tensor x = leaf({1});
      handle = autograd::register_hook(x, doubling());
    }
    handle->remove();
  }

  void whatAHookThrowsComesOut() {
    const Tensor x = leaf({1});
    const Tensor y = x * 2.0;
    autograd::register_hook(
        y, [](const Tensor&) -> Tensor { throw std::runtime_error("the hook's own"); });
    QVERIFY_THROWS_EXCEPTION(std::runtime_error, autograd::backward(ops::sum(y)));
    QVERIFY(!x.grad().defined());
  }

  void aHookCannotChangeTheSizes() {
    const Tensor x = leaf({1, 2});
    autograd::register_hook(x, [](const Tensor& grad) { return ops::sum(grad); });
    const std::string text = error_of([&] { autograd::backward(ops::sum(x * 2.0)); });
    QVERIFY2(text.find("hook") != std::string::npos, text.c_str());
  }

  void hooksRunWithoutRecording() {
    const Tensor x = leaf({1});
    bool recorded = true;
    autograd::register_hook(x, [&](const Tensor& grad) {
      recorded = (x * 2.0).requires_grad();
      return grad;
    });
    autograd::backward(ops::sum(x * 1.0));
    QVERIFY(!recorded);
  }

  void onlyTensorsWithAGradientTakeHooks() {
    const Tensor x = constant({1});
    QVERIFY(!error_of([&] { autograd::register_hook(x, doubling()); }).empty());
    QVERIFY(!error_of([&] { autograd::retain_grad(x); }).empty());
  }

  void aTensorThatIsNoLeafRetainsItsGradient() {
    const Tensor x = leaf({1, 1});
    const Tensor y = x * 3.0;
    QVERIFY(!autograd::retains_grad(y));
    autograd::retain_grad(y);
    autograd::retain_grad(y);  // once is enough
    QVERIFY(autograd::retains_grad(y));
    autograd::backward(ops::sum(y * 2.0), {}, true);
    QCOMPARE(values(y.grad()), (Values{2, 2}));
    QCOMPARE(values(x.grad()), (Values{6, 6}));
    const Tensor held = y.grad();
    autograd::backward(ops::sum(y * 3.0));
    QCOMPARE(values(y.grad()), (Values{5, 5}));
    QCOMPARE(values(held), (Values{2, 2}));
  }

  /// PyTorch 1.13's order: as registered.
  void retainedGradientsStandWhereTheyWereAskedFor() {
    const Tensor x = leaf({1});
    const Tensor before = x * 3.0;
    autograd::retain_grad(before);
    autograd::register_hook(before, doubling());
    autograd::backward(ops::sum(before));
    QCOMPARE(values(before.grad()), Values{1});
    const Tensor after = x * 3.0;
    autograd::register_hook(after, doubling());
    autograd::retain_grad(after);
    autograd::backward(ops::sum(after));
    QCOMPARE(values(after.grad()), Values{2});
    QCOMPARE(values(x.grad()), Values{12});
  }

  /// PyTorch 1.13: {1, 60} for this very program.
  void anEditInPlaceLeavesHooksAndTakesTheRetainedGradientAlong() {
    const Tensor x = leaf({1});
    const Tensor y = x * 3.0;
    autograd::register_hook(y, doubling());
    autograd::retain_grad(y);
    ops::mul_(y, 10.0);
    QVERIFY(autograd::retains_grad(y));
    autograd::backward(ops::sum(y));
    QCOMPARE(values(y.grad()), Values{1});
    QCOMPARE(values(x.grad()), Values{60});
  }

  void aRetainedGradientSurvivesItsTensor() {
    const Tensor x = leaf({2});
    Tensor loss;
    {
      const Tensor y = x * 3.0;
      autograd::retain_grad(y);
      loss = ops::sum(y);
    }
    autograd::backward(loss);
    QCOMPARE(values(x.grad()), Values{3});
  }

  void aLeafTellsWhenItsGradientIsWholeWhileTheRestIsYetToCome() {
    const Tensor first = leaf({2});
    const Tensor second = leaf({3});
    std::vector<std::string> order;
    const auto note = [&](const std::string& name) {
      return [&order, name](const Tensor& grad) {
        order.push_back(concat(name, " ", values(grad).at(0)));
      };
    };
    autograd::register_post_accumulate_grad_hook(first, note("first"));
    autograd::register_post_accumulate_grad_hook(second, note("second"));
    const Tensor inner = first * 5.0;
    autograd::register_hook(inner, [&](const Tensor&) {
      order.push_back("inner");
      return Tensor();
    });
    // `second` is used twice, both behind `inner`.
    autograd::backward(ops::sum(inner * second + second * 1.0));
    QCOMPARE(order, (std::vector<std::string>{"second 11", "inner", "first 15"}));
    order.clear();
    autograd::backward(ops::sum(first * second));
    QCOMPARE(order.size(), size_t{2});
    QCOMPARE(values(second.grad()), Values{13});  // added to what was there
  }

  void aLeafTellsOfNothingWhereNothingComes() {
    const Tensor used = leaf({2});
    const Tensor reached = leaf({3});
    const Tensor elsewhere = leaf({4});
    int told = 0;
    bool defined = true;
    autograd::register_post_accumulate_grad_hook(reached, [&](const Tensor& grad) {
      ++told;
      defined = grad.defined();
    });
    autograd::register_post_accumulate_grad_hook(elsewhere, [&](const Tensor&) { ++told; });
    // A node that gives a gradient to the first of its inputs only.
    const Tensor out = (used * 1.0).detach();
    const Tensor behind = reached * 2.0;
    autograd::record("half", out, std::array{used, behind}, std::array<Tensor, 0>{},
                     [](const auto&, const Tensors& grads, Tensors& grad_inputs, const auto&) {
                       grad_inputs[0] = grads[0];
                     });
    autograd::backward(ops::sum(out));
    QCOMPARE(told, 1);
    QVERIFY(!defined);
    QCOMPARE(values(used.grad()), Values{1});
  }

  void gradTouchesNoLeafAndTellsNobody() {
    const Tensor x = leaf({2});
    int told = 0;
    auto handle = autograd::register_post_accumulate_grad_hook(x, [&](const Tensor&) { ++told; });
    QCOMPARE(values(autograd::grad({ops::sum(x * x)}, {x})[0]), Values{4});
    QCOMPARE(told, 0);
    autograd::backward(Tensors{ops::sum(x * x)}, {}, false, {x});
    QCOMPARE(told, 1);
    handle.remove();
    autograd::backward(ops::sum(x * x));
    QCOMPARE(told, 1);
    QCOMPARE(values(x.grad()), Values{8});
  }

  void whatIsLeftForLaterRunsWhenAllGradientsAreThere() {
    const Tensor x = leaf({2});
    const Tensor y = x * 3.0;
    double seen = 0;
    autograd::register_hook(y, [&](const Tensor&) {
      autograd::after_backward([&] { seen = values(x.grad()).at(0); });
      return Tensor();
    });
    autograd::backward(ops::sum(y));
    QCOMPARE(seen, 3.0);
    QVERIFY(!error_of([] { autograd::after_backward([] {}); }).empty());
    QVERIFY(
        !error_of([&] { autograd::register_post_accumulate_grad_hook(y, [](auto&) {}); }).empty());
  }
};

QTEST_GUILESS_MAIN(TestHooks)
#include "test_hooks.moc"
