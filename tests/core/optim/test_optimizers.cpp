#include <QtTest>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/reduction.h"
#include "core/optim/optimizer.h"

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
    const auto sgd = make_optimizer("SGD", {p}, {{"lr", 0.25}});
    autograd::backward(ops::sum(p * p));
    sgd->step();
    QCOMPARE(values(p), (std::vector<double>{0.5, -1}));
  }

  void parameters_without_a_gradient_stay() {
    const Tensor moved = param({1});
    const Tensor kept = param({1});
    const auto adam = make_optimizer("Adam", {moved, kept}, {{"lr", 0.5}, {"weight_decay", 0.1}});
    moved.set_grad(full({1}, 3, DType::Float64));
    adam->step();
    QVERIFY(moved.item() < 1);
    QCOMPARE(kept.item(), 1.0);
  }

  void zero_grad_drops_the_gradients() {
    const Tensor p = param({1});
    const auto sgd = make_optimizer("SGD", {p}, {{"lr", 1.0}});
    p.set_grad(full({1}, 3, DType::Float64));
    sgd->zero_grad();
    QVERIFY(!p.grad().defined());
  }

  void the_learning_rate_can_change() {
    const Tensor p = param({1});
    const auto sgd = make_optimizer("SGD", {p}, {{"lr", 1.0}});
    sgd->set_learning_rate(0.5);
    QCOMPARE(sgd->learning_rate(), 0.5);
    p.set_grad(full({1}, 1, DType::Float64));
    sgd->step();
    QCOMPARE(p.item(), 0.5);
  }

  /// Backward must not use weights that a step has changed since forward.
  void a_step_is_an_edit_in_place() {
    const Tensor p = param({1, 2});
    const Tensor loss = ops::sum(p * p);
    const auto sgd = make_optimizer("SGD", {p}, {{"lr", 1.0}});
    p.set_grad(full({2}, 1, DType::Float64));
    sgd->step();
    QVERIFY(error_of([&] { autograd::backward(loss); }).find("in place") != std::string::npos);
  }

  void refuses_what_torch_refuses() {
    const auto sgd = [](const nn::Args& args) {
      return error_of([&] { make_optimizer("SGD", {param({1})}, args); });
    };
    QVERIFY(sgd({{"lr", -1.0}}).starts_with("[SGD] lr must be at least 0, is -1"));
    QVERIFY(sgd({{"momentum", -1.0}}).starts_with("[SGD] momentum"));
    QVERIFY(sgd({{"weight_decay", -1.0}}).starts_with("[SGD] weight_decay"));
    QVERIFY(sgd({{"nesterov", true}}).starts_with("[SGD] nesterov"));
    QVERIFY(sgd({{"momentum", 0.9}, {"dampening", 0.1}, {"nesterov", true}})
                .starts_with("[SGD] nesterov"));
    QVERIFY(sgd({{"momentum", 0.9}, {"nesterov", true}}).empty());
    QVERIFY(sgd({{"speed", 1.0}}).starts_with("[SGD] has no parameter 'speed'"));
    const auto adam = [](const nn::Args& args) {
      return error_of([&] { make_optimizer("Adam", {param({1})}, args); });
    };
    QVERIFY(adam({{"lr", -1.0}}).starts_with("[Adam] lr"));
    QVERIFY(adam({{"beta1", 1.0}}).starts_with("[Adam] beta1"));
    QVERIFY(adam({{"beta2", -0.1}}).starts_with("[Adam] beta2"));
    QVERIFY(adam({{"eps", -1.0}}).starts_with("[Adam] eps"));
    const auto of = [](std::vector<Tensor> params) {
      return error_of([&] { make_optimizer("SGD", params); });
    };
    QVERIFY(of({}).starts_with("[Optimizer] expects at least one parameter"));
    QVERIFY(of({zeros({2}, DType::Int64)}).starts_with("[Optimizer] expects parameters"));
    QVERIFY(of({param({1}) * 2.0}).starts_with("[Optimizer] cannot learn a tensor"));
    QVERIFY(of({zeros({2})}).empty());  // frozen: it only never gets a gradient
  }

  void groups_have_options_of_their_own() {
    const Tensor slow = param({1});
    const Tensor fast = param({1});
    const auto sgd = make_optimizer("SGD", {slow}, {{"lr", 0.25}});
    sgd->add_param_group({fast}, {{"lr", 0.5}});
    QCOMPARE(sgd->group_count(), size_t{2});
    for (const Tensor& p : {slow, fast}) p.set_grad(full({1}, 1, DType::Float64));
    sgd->step();
    QCOMPARE(slow.item(), 0.75);
    QCOMPARE(fast.item(), 0.5);
    QVERIFY(error_of([&] { sgd->add_param_group({slow}); }).find("more than one group") !=
            std::string::npos);
    QVERIFY(error_of([&] { sgd->set_option(1, "lr", -1.0); }).starts_with("[SGD] lr"));
    sgd->set_option(1, "lr", 0.0);
    sgd->step();
    QCOMPARE(slow.item(), 0.5);
    QCOMPARE(fast.item(), 0.5);
  }

  void a_closure_is_called_before_the_step() {
    const Tensor p = param({2});
    const auto sgd = make_optimizer("SGD", {p}, {{"lr", 0.25}});
    const auto closure = [&] {
      sgd->zero_grad();
      const Tensor loss = ops::sum(p * p);
      autograd::backward(loss);
      return loss;
    };
    QCOMPARE(sgd->step(closure).item(), 4.0);
    QCOMPARE(p.item(), 1.0);
    const auto lbfgs = make_optimizer("LBFGS", {p});
    QVERIFY(lbfgs->spec().needs_closure);
    QVERIFY(error_of([&] { lbfgs->step(); }).find("closure") != std::string::npos);
    lbfgs->step(closure);
    QVERIFY(std::abs(p.item()) < 1e-6);
  }

  void channels_last_weights_learn_as_dense_ones() {
    const Tensor dense = empty({2, 3, 2, 2}, DType::Float64);
    for (int64_t i = 0; i < dense.numel(); ++i) dense.data<double>()[i] = static_cast<double>(i);
    const Tensor room = empty({24}, DType::Float64);
    const Tensor last = room.as_strided(dense.sizes(), channels_last_strides(dense.sizes()), 0);
    raw::copy_(last, dense);
    const Tensor grad = raw::clone(dense);
    for (const char* id : {"SGD", "AdamW", "RMSprop"}) {
      const Tensor a = raw::clone(dense).set_requires_grad();
      const Tensor b = last.detach().set_requires_grad();
      for (const Tensor& p : {a, b}) {
        p.set_grad(grad);
        make_optimizer(id, {p})->step();
      }
      const Tensor same = raw::contiguous(b.detach());
      QCOMPARE(values(same), values(a));
      raw::copy_(last, dense);
    }
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
