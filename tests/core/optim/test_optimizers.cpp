#include <QtTest>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/reduction.h"
#include "core/optim/adam.h"
#include "core/optim/sgd.h"

using namespace nw;
using namespace nw::optim;

namespace {

Tensor param(std::initializer_list<double> values) {
  const std::vector<double> list(values);
  return tensor_of<double>(list, {static_cast<int64_t>(list.size())}).set_requires_grad();
}

template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

std::vector<double> values(const Tensor& x) {
  return {x.data<double>(), x.data<double>() + x.numel()};
}

}  // namespace

class TestOptimizers : public QObject {
  Q_OBJECT

 private slots:
  void a_step_goes_down_the_slope() {
    const Tensor p = param({1, -2});
    SGD sgd({p}, {.lr = 0.25});
    autograd::backward(ops::sum(p * p));
    sgd.step();
    QCOMPARE(values(p), (std::vector<double>{0.5, -1}));
  }

  void parameters_without_a_gradient_stay() {
    const Tensor moved = param({1});
    const Tensor kept = param({1});
    Adam adam({moved, kept}, {.lr = 0.5, .weight_decay = 0.1});
    moved.set_grad(full({1}, 3, DType::Float64));
    adam.step();
    QVERIFY(moved.item() < 1);
    QCOMPARE(kept.item(), 1.0);
  }

  void zero_grad_drops_the_gradients() {
    const Tensor p = param({1});
    SGD sgd({p}, {.lr = 1});
    p.set_grad(full({1}, 3, DType::Float64));
    sgd.zero_grad();
    QVERIFY(!p.grad().defined());
  }

  void the_learning_rate_can_change() {
    const Tensor p = param({1});
    SGD sgd({p}, {.lr = 1});
    sgd.set_learning_rate(0.5);
    QCOMPARE(sgd.learning_rate(), 0.5);
    p.set_grad(full({1}, 1, DType::Float64));
    sgd.step();
    QCOMPARE(p.item(), 0.5);
  }

  /// Backward must not use weights that a step has changed since forward.
  void a_step_is_an_edit_in_place() {
    const Tensor p = param({1, 2});
    const Tensor loss = ops::sum(p * p);
    SGD sgd({p}, {.lr = 1});
    p.set_grad(full({2}, 1, DType::Float64));
    sgd.step();
    QVERIFY(error_of([&] { autograd::backward(loss); }).find("in place") != std::string::npos);
  }

  void refuses_what_torch_refuses() {
    const auto sgd = [](const SGD::Options& options) {
      return error_of([&] { SGD({param({1})}, options); });
    };
    QVERIFY(sgd({.lr = -1}).starts_with("[SGD] lr must be at least 0, is -1"));
    QVERIFY(sgd({.lr = 1, .momentum = -1}).starts_with("[SGD] momentum"));
    QVERIFY(sgd({.lr = 1, .weight_decay = -1}).starts_with("[SGD] weight_decay"));
    QVERIFY(sgd({.lr = 1, .nesterov = true}).starts_with("[SGD] nesterov"));
    QVERIFY(sgd({.lr = 1, .momentum = 0.9, .dampening = 0.1, .nesterov = true})
                .starts_with("[SGD] nesterov"));
    QVERIFY(sgd({.lr = 1, .momentum = 0.9, .nesterov = true}).empty());
    const auto adam = [](const Adam::Options& options) {
      return error_of([&] { Adam({param({1})}, options); });
    };
    QVERIFY(adam({.lr = -1}).starts_with("[Adam] lr"));
    QVERIFY(adam({.beta1 = 1}).starts_with("[Adam] beta1"));
    QVERIFY(adam({.beta2 = -0.1}).starts_with("[Adam] beta2"));
    QVERIFY(adam({.eps = -1}).starts_with("[Adam] eps"));
    QVERIFY(error_of([] { SGD({}, {.lr = 1}); }).starts_with("[Optimizer]"));
    QVERIFY(error_of([] { SGD({zeros({2})}, {.lr = 1}); }).starts_with("[Optimizer]"));
  }

  void descriptions_name_the_same_mistakes() {
    const OptimizerSpec& sgd = *optimizers().find("SGD");
    QCOMPARE(sgd.problems({{"lr", -1.0}}),
             (std::vector<std::string>{"[SGD] lr must be at least 0, is -1"}));
    QCOMPARE(sgd.problems({{"nesterov", true}}).size(), size_t{1});
    QVERIFY(sgd.problems({{"nesterov", true}, {"momentum", 0.9}}).empty());
    const OptimizerSpec& adam = *optimizers().find("Adam");
    QCOMPARE(adam.problems({{"beta1", 1.0}}),
             (std::vector<std::string>{"[Adam] beta1 must be less than 1, is 1"}));
    for (const OptimizerSpec& spec : optimizers().all()) {
      QVERIFY(spec.problems({}).empty());
      const auto made = spec.make({param({1})}, spec.complete({}));
      QCOMPARE(made->learning_rate(), spec.complete({}).real("lr"));
    }
  }
};

QTEST_GUILESS_MAIN(TestOptimizers)
#include "test_optimizers.moc"
