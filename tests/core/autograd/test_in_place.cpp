#include "core/autograd/in_place.h"

#include <QTest>

#include "core/autograd/engine.h"
#include "core/ops/arithmetic.h"
#include "core/ops/creation.h"
#include "core/ops/in_place.h"
#include "core/ops/index.h"
#include "core/ops/join.h"
#include "core/ops/matmul.h"
#include "core/ops/reduction.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"
#include "tests/core/autograd/values.h"

using namespace nw;
using namespace nw::test;
using Values = std::vector<double>;

namespace {

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

/// Views and edits in place as autograd sees them.
class TestInPlace : public QObject {
  Q_OBJECT

 private slots:
  void viewsShareNumbersAndVersion() {
    const Tensor x = constant({1, 2, 3, 4});
    const Tensor view = ops::reshape(ops::narrow(x, 0, 1, 2), {2, 1});
    const uint32_t before = x.storage()->version();
    ops::fill_(view, 7);
    QCOMPARE(values(x), (Values{1, 7, 7, 4}));
    QVERIFY(x.storage()->version() > before);
    QVERIFY(autograd::base_of(view).is_same(x));
  }

  void aSavedTensorIsGuardedThroughItsViews() {
    const Tensor x = leaf({1, 2});
    const Tensor factor = constant({3, 4});
    const Tensor y = ops::sum(x * factor);
    ops::zero_(ops::select(factor, 0, 1));
    const std::string text = error_of([&] { autograd::backward(y); });
    QVERIFY2(contains(text, "[mul]") && contains(text, "edited in place"), text.c_str());
    QVERIFY(!x.grad().defined());
  }

  void aLeafThatRequiresAGradientIsRefused() {
    const Tensor x = leaf({1, 2});
    QVERIFY(contains(error_of([&] { ops::mul_(x, 2.0); }), "leaf"));
    QVERIFY(contains(error_of([&] { ops::mul_(ops::narrow(x, 0, 0, 1), 2.0); }), "view of a leaf"));
    {
      const autograd::NoGrad guard;
      ops::mul_(x, 2.0);
    }
    QCOMPARE(values(x), (Values{2, 4}));
  }

  void sharedElementsAreRefused() {
    const Tensor x = ops::expand(constant({1}), {3});
    QVERIFY(contains(error_of([&] { ops::fill_(x, 2); }), "share memory"));
    QVERIFY(contains(error_of([&] { ops::masked_fill_(x, zeros({3}, DType::Bool), 1); }), "share"));
  }

  void oneOfSeveralViewsIsRefused() {
    const Tensor y = leaf({1, 2}) * 1.0;
    QVERIFY(contains(error_of([&] { ops::mul_(ops::split(y, 1)[0], 2.0); }), "several views"));
    Tensor view;
    {
      const autograd::NoGrad guard;
      view = ops::narrow(y, 0, 0, 1);
    }
    QVERIFY(contains(error_of([&] { ops::mul_(view, leaf({2})); }), "NoGrad"));
  }

  void anEditOfAResultGoesIntoItsHistory() {
    const Tensor x = leaf({1, 2});
    const Tensor y = x * 3.0;
    ops::mul_(y, 5.0);
    ops::add_(y, x);
    autograd::backward(ops::sum(y * y));  // y = 16x: 2·256x
    QCOMPARE(values(x.grad()), (Values{512, 1024}));
  }

  void anEditOfAViewReachesBaseAndSiblings() {
    const Tensor x = leaf({1, 2, 3});
    const Tensor y = x * 2.0;
    const Tensor sibling = ops::slice(y, 0, 1);
    ops::mul_(ops::narrow(y, 0, 0, 2), 10.0);
    QCOMPARE(values(y), (Values{20, 40, 6}));
    autograd::backward(ops::sum(y) + ops::sum(sibling * 100.0));
    QCOMPARE(values(x.grad()), (Values{20, 20 * 101, 2 * 101}));
  }

  void anEditOfTheBaseReachesItsViews() {
    const Tensor x = leaf({1, 2});
    const Tensor y = x * 1.0;
    const Tensor view = ops::select(y, 0, 1);
    ops::mul_(y, x);  // x²
    autograd::backward(view);
    QCOMPARE(values(x.grad()), (Values{0, 4}));
  }

  void whatNeededNoGradientGetsAHistoryThroughAView() {
    const Tensor x = leaf({2, 3});
    const Tensor out = zeros({2, 2}, DType::Float64);
    QVERIFY(!out.requires_grad());
    ops::copy_(ops::select(out, 0, 1), x * x);
    QVERIFY(out.requires_grad() && !out.is_leaf());
    autograd::backward(ops::sum(out));
    QCOMPARE(values(x.grad()), (Values{4, 6}));
  }

  void overwrittenNumbersGetNoGradient() {
    const Tensor x = leaf({1, 2, 3});
    const Tensor y = x * 2.0;
    ops::fill_(ops::narrow(y, 0, 1, 1), 0);
    autograd::backward(ops::sum(y));
    QCOMPARE(values(x.grad()), (Values{2, 0, 2}));
  }

  void aTransposedViewOfAViewIsRebased() {
    const Tensor x = leaf({1, 2, 3, 4});
    const Tensor y = ops::reshape(x * 1.0, {2, 2});
    ops::mul_(ops::select(ops::t(y), 0, 1), x.detach().as_strided({2}, {1}, 0));
    autograd::backward(ops::sum(y));  // column 1 times {1, 2}
    QCOMPARE(values(x.grad()), (Values{1, 1, 1, 2}));
  }

  void detachedTensorsHaveNoHistoryButShareTheGuard() {
    const Tensor x = leaf({3});
    const Tensor y = x * 2.0;
    const Tensor z = ops::sum(y * y);
    QVERIFY(!y.detach().requires_grad());
    ops::zero_(y.detach());
    QVERIFY(contains(error_of([&] { autograd::backward(z); }), "edited in place"));
  }

  void detachInPlaceMakesALeaf() {
    const Tensor x = leaf({3});
    const Tensor y = x * 2.0;
    autograd::detach_(y);
    QVERIFY(y.is_leaf() && !y.requires_grad());
    const Tensor base = x * 2.0;
    const Tensor view = ops::narrow(base, 0, 0, 1);
    QVERIFY(contains(error_of([&] { autograd::detach_(view); }), "view"));
  }

  /// A product of vectors is a view of a matrix that nobody has seen.
  void aResultThatIsAViewOfNothingElseIsDetachedInPlace() {
    const Tensor x = leaf({3, 4});
    const Tensor y = ops::matmul(x, x);
    autograd::detach_(y);
    QVERIFY(y.is_leaf() && !y.requires_grad() && !autograd::base_of(y).defined());
    QCOMPARE(y.item(), 25.0);
  }

  /// What backward does not read may be edited: results, and what only a frozen input would need.
  void editsOfWhatIsNotReadAreAllowed() {
    const Tensor x = leaf({1, 2});
    const Tensor frozen = constant({4, 8});
    using Op = std::function<Tensor(const Tensor&, const Tensor&)>;
    const auto square = [](const Tensor& v) {
      return ops::reshape(ops::cat(std::array{v, v}), {2, 2});
    };
    const std::vector<std::pair<Op, Values>> ops_of_two{
        {[](const Tensor& a, const Tensor& b) { return a * b; }, {4, 8}},
        {[](const Tensor& a, const Tensor& b) { return a / b; }, {0.25, 0.125}},
        {[](const Tensor& a, const Tensor& b) { return ops::remainder(a, b); }, {1, 1}},
        {[](const Tensor& a, const Tensor& b) { return ops::matmul(a, b); }, {4, 8}},
        {[&](const Tensor& a, const Tensor& b) {
           return ops::linear(ops::reshape(a, {1, 2}), square(b), {});
         },
         {8, 16}}};
    for (const auto& [op, expected] : ops_of_two) {
      x.set_grad({});
      const Tensor a = x * 1.0;
      const Tensor y = op(a, frozen);
      ops::add_(y, 1.0);
      ops::add_(a, 1.0);
      autograd::backward(ops::sum(y));
      QCOMPARE(values(x.grad()), expected);
    }
    // Both inputs want a gradient: their quotient is not read.
    const Tensor divisor = leaf({4, 8});
    const Tensor quotient = frozen / divisor;
    ops::mul_(quotient, 2.0);
    autograd::backward(ops::sum(quotient));
    QCOMPARE(values(divisor.grad()), (Values{-0.5, -0.25}));
    // A power of a number reads the base; what it gave may be edited.
    const Tensor cube = ops::pow(divisor, 3);
    ops::zero_(cube * 1.0);
    ops::mul_(cube, 2.0);
    divisor.set_grad({});
    autograd::backward(ops::sum(cube));
    QCOMPARE(values(divisor.grad()), (Values{96, 384}));
  }

  void whatIsOverwrittenByChanceGetsNoGradient() {
    const Tensor x = leaf({1, 2, 3});
    for (const auto& draw : std::vector<std::function<void(const Tensor&)>>{
             [](const Tensor& y) { ops::uniform_(y); }, [](const Tensor& y) { ops::normal_(y); },
             [](const Tensor& y) { ops::bernoulli_(y); },
             [](const Tensor& y) { ops::exponential_(y); }}) {
      x.set_grad({});
      const Tensor y = x * 2.0;
      draw(ops::narrow(y, 0, 1, 2));
      autograd::backward(ops::sum(y * 3.0));
      QCOMPARE(values(x.grad()), (Values{6, 0, 0}));
    }
  }

  void nothingIsFollowedInInferenceMode() {
    const autograd::InferenceMode guard;
    const Tensor x = leaf({1, 2});
    const Tensor view = ops::narrow(x, 0, 0, 1);
    QVERIFY(!view.requires_grad());
    QVERIFY(!autograd::base_of(view).defined());
  }

  void aLongChainOfEditsIsFreed() {
    const Tensor x = leaf({1});
    const Tensor y = x * 1.0;
    const Tensor view = ops::narrow(y, 0, 0, 1);
    for (int i = 0; i < 100'000; ++i) ops::add_(view, 0.0);
    autograd::backward(ops::sum(y));
    QCOMPARE(values(x.grad()), Values{1});
  }
};

QTEST_GUILESS_MAIN(TestInPlace)
#include "test_in_place.moc"
