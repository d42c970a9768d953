#include <QtTest>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/containers.h"
#include "core/nn/layers/activation.h"
#include "core/nn/layers/conv.h"
#include "core/nn/layers/dropout.h"
#include "core/nn/layers/flatten.h"
#include "core/nn/layers/linear.h"
#include "core/nn/layers/pool.h"
#include "core/ops/matmul.h"
#include "core/ops/reduction.h"

using namespace nw;
using namespace nw::nn;

namespace {

/// Own parameter, own buffers, and a child, registered child first.
class Mixed : public UnaryModule {
 public:
  Mixed() {
    add_module("inner", std::make_unique<Linear>(Linear::Options{2, 3}));
    register_parameter("scale", zeros({2}));
    register_parameter("shift", Tensor());
    register_buffer("mean", zeros({2}));
    register_buffer("scratch", zeros({2}), false);
  }
  std::string kind() const override { return "Mixed"; }
  using UnaryModule::forward;
  Tensor forward(const Tensor& input) override { return input; }

 protected:
  int state_version() const override { return 2; }
};

std::vector<std::string> keys(const StateDict& state) {
  std::vector<std::string> out;
  for (const auto& entry : state.entries) out.push_back(entry.key);
  return out;
}

template <typename Action>
Error error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return Error("no error");
}

}  // namespace

class TestModule : public QObject {
  Q_OBJECT

 private slots:
  void state_dict_has_torch_s_order_and_versions() {
    Sequential model;
    model.append(std::make_unique<Mixed>());
    model.append(std::make_unique<Linear>(Linear::Options{2, 2, false}));
    const StateDict state = model.state_dict();
    QCOMPARE(keys(state), (std::vector<std::string>{"0.scale", "0.mean", "0.inner.weight",
                                                    "0.inner.bias", "1.weight"}));
    const std::vector<std::pair<std::string, int>> versions = {
        {"", 1}, {"0", 2}, {"0.inner", 1}, {"1", 1}};
    QCOMPARE(state.versions, versions);
  }

  void state_dict_shares_the_numbers() {
    Linear linear({2, 3});
    const StateDict state = linear.state_dict();
    raw::fill_(*state.find("bias"), 7);
    QCOMPARE(linear.named_parameters()[1].second.data<float>()[2], 7.0f);
    QVERIFY(!state.find("bias")->requires_grad());
    QVERIFY(state.find("other") == nullptr);
  }

  void strict_loading_lists_everything_and_changes_nothing() {
    Linear linear({2, 3});
    const Tensor before = raw::clone(*linear.state_dict().find("weight"));
    StateDict state;
    state.entries = {{"weight", full({3, 2}, 5)}, {"bias", zeros({4})}, {"extra", zeros({1})}};
    const Error error = error_of([&] { linear.load_state_dict(state); });
    QVERIFY2(error.text().find("unexpected: extra") != std::string::npos, error.what());
    QVERIFY2(error.text().find("bias: expects 3, gets 4") != std::string::npos, error.what());
    const Tensor after = *linear.state_dict().find("weight");
    QVERIFY(std::equal(before.data<float>(), before.data<float>() + 6, after.data<float>()));
    state.entries = {{"bias", zeros({3})}};
    QVERIFY(error_of([&] { linear.load_state_dict(state); }).text().find("missing: weight") !=
            std::string::npos);
  }

  void lenient_loading_passes_over_keys_but_not_over_sizes() {
    Linear linear({2, 3});
    StateDict state;
    state.entries = {{"weight", full({3, 2}, 5)}, {"extra", zeros({1})}};
    const LoadReport report = linear.load_state_dict(state, false);
    QVERIFY(!report.ok());
    QCOMPARE(report.unexpected, (std::vector<std::string>{"extra"}));
    QCOMPARE(report.missing, (std::vector<std::string>{"bias"}));
    QCOMPARE(linear.state_dict().find("weight")->data<float>()[5], 5.0f);
    state.entries = {{"weight", full({3, 2}, 7)}, {"bias", zeros({4})}};
    const Error error = error_of([&] { linear.load_state_dict(state, false); });
    QVERIFY2(error.text().find("bias: expects 3, gets 4") != std::string::npos, error.what());
    QCOMPARE(linear.state_dict().find("weight")->data<float>()[5], 5.0f);
  }

  void loading_converts_the_dtype() {
    Linear linear({2, 1});
    StateDict state;
    state.entries = {{"weight", full({1, 2}, 0.5, DType::Float64)},
                     {"bias", full({1}, 0.25, DType::Float64)}};
    QVERIFY(linear.load_state_dict(state).ok());
    QCOMPARE(linear.state_dict().find("bias")->data<float>()[0], 0.25f);
  }

  void modes_and_gradients_reach_the_children() {
    Sequential model;
    auto inner = std::make_unique<Sequential>();
    inner->append(std::make_unique<Linear>(Linear::Options{2, 2}));
    inner->append(std::make_unique<Dropout>(Dropout::Options{.p = 0.5}));
    model.append(std::move(inner));
    model.eval();
    QVERIFY(!model.named_children()[0].second->named_children()[1].second->training());
    model.train();
    QVERIFY(model.named_children()[0].second->named_children()[1].second->training());
    autograd::backward(ops::sum(model(full({4, 2}, 1))));
    for (const Tensor& parameter : model.parameters()) QVERIFY(parameter.grad().defined());
    model.zero_grad();
    for (const Tensor& parameter : model.parameters()) QVERIFY(!parameter.grad().defined());
  }

  void dropout_does_nothing_when_evaluating() {
    Dropout dropout({.p = 0.9});
    dropout.eval();
    const Generator before = default_generator();
    const Tensor x = full({100}, 1);
    const Tensor y = dropout(x);
    QVERIFY(std::equal(x.data<float>(), x.data<float>() + 100, y.data<float>()));
    QVERIFY(before == default_generator());
  }

  void children_have_names_of_their_own() {
    Sequential model;
    model.add_module("a", std::make_unique<ReLU>());
    model.register_buffer("b", zeros({1}));
    QVERIFY(error_of([&] { model.add_module("b", std::make_unique<ReLU>()); })
                .text()
                .find("'b' already") != std::string::npos);
    model.add_module("a", std::make_unique<Tanh>());  // takes the other's place
    QCOMPARE(model.size(), int64_t{1});
    QCOMPARE(model[0].kind(), std::string("Tanh"));
    QVERIFY(error_of([&] { model.add_module("b.c", std::make_unique<ReLU>()); }).text() !=
            "no error");
  }

  void what_is_registered_again_takes_the_others_place() {
    Mixed model;
    const Tensor shift = model.register_parameter("shift", full({2}, 1));  // was absent
    const Tensor scale = model.register_parameter("scale", full({3}, 1));
    model.register_buffer("mean", full({4}, 1), false);
    QVERIFY(model.get_parameter("shift").is_same(shift));
    QCOMPARE(keys(model.state_dict()),
             (std::vector<std::string>{"scale", "shift", "inner.weight", "inner.bias"}));
    QVERIFY(model.parameters()[0].is_same(scale));
    QCOMPARE(model.get_buffer("mean").numel(), int64_t{4});
    for (const char* taken : {"inner", "mean"}) {
      QVERIFY(
          error_of([&] { model.register_parameter(taken, zeros({1})); }).text().find("already") !=
          std::string::npos);
    }
    QVERIFY(error_of([&] { model.register_buffer("scale", zeros({1})); }).text().find("already") !=
            std::string::npos);
  }

  void a_count_of_an_old_file_fits() {
    Mixed model;
    model.register_buffer("count", full({}, 7, DType::Int64));
    StateDict state = model.state_dict();
    for (auto& entry : state.entries) {
      if (entry.key == "count") entry.tensor = full({1}, 9, DType::Int64);
    }
    QVERIFY(model.load_state_dict(state).ok());
    QCOMPARE(model.get_buffer("count").item(), 9.0);
  }

  void lenet_has_61706_parameters() {
    Sequential model;
    model.append(std::make_unique<Conv2d>(
        Conv2d::Options{.in_channels = 1, .out_channels = 6, .kernel_size = {5, 5}, .padding = 2}));
    model.append(std::make_unique<MaxPool2d>(MaxPool2d::Options{.kernel_size = 2}));
    model.append(std::make_unique<Conv2d>(
        Conv2d::Options{.in_channels = 6, .out_channels = 16, .kernel_size = 5}));
    model.append(std::make_unique<AvgPool2d>(AvgPool2d::Options{.kernel_size = 2}));
    model.append(std::make_unique<Flatten>(Flatten::Options{}));
    model.append(std::make_unique<Linear>(Linear::Options{400, 120}));
    model.append(std::make_unique<Linear>(Linear::Options{120, 84}));
    model.append(std::make_unique<Linear>(Linear::Options{84, 10}));
    int64_t count = 0;
    for (const Tensor& parameter : model.parameters()) count += parameter.numel();
    QCOMPARE(count, int64_t{61'706});
    QCOMPARE(to_string(model(zeros({3, 1, 28, 28})).sizes()), std::string("3×10"));
  }

  void wrong_sizes_are_told_with_the_remedy() {
    Linear linear({400, 120});
    const Error features = error_of([&] { linear(zeros({2, 576})); });
    QCOMPARE(features.text(),
             std::string("[Linear] expects 400 features on the last dimension, gets 576"));
    QCOMPARE(features.remedy().parameter, std::string("in_features"));
    QCOMPARE(features.remedy().value, int64_t{576});
    QCOMPARE(error_of([&] {
               linear(zeros({2, 16, 5, 5}));
             }).text(),
             std::string("[Linear] expects 400 features on the last dimension, gets 5 (of 16×5×5); "
                         "Flatten before it makes 400"));
    Conv2d conv({.in_channels = 6, .out_channels = 4, .kernel_size = 5, .padding = 1});
    const Error channels = error_of([&] { conv(zeros({2, 1, 28, 28})); });
    QCOMPARE(channels.text(), std::string("[Conv2d] expects 6 input channels, gets 1"));
    QCOMPARE(channels.remedy().parameter, std::string("in_channels"));
    QCOMPARE(channels.remedy().value, int64_t{1});
    QCOMPARE(
        error_of([&] {
          conv(zeros({2, 6, 2, 9}));
        }).text(),
        std::string("[Conv2d] the window's 5 must fit into the input's height of 4 (2 + 2·1)"));
    QCOMPARE(error_of([&] {
               conv(zeros({2, 784}));
             }).text(),
             std::string("[Conv2d] expects 4 dimensions (N, C, H, W) or 3 (C, H, W), gets 2 "
                         "(N×784)"));
    QCOMPARE(error_of([&] {
               linear(zeros({2, 400}, DType::Float64));
             }).text(),
             std::string("[Linear] expects tensors of one dtype, gets float64 and float32"));
    QCOMPARE(error_of([&] {
               linear(zeros({2, 400}, DType::Int64));
             }).text(),
             std::string("[Linear] expects tensors of one dtype, gets int64 and float32"));
    QCOMPARE(error_of([&] {
               linear(zeros({2, 400}, DType::Float32, kMeta));
             }).text(),
             std::string("[Linear] expects tensors on one device, gets meta and cpu"));
  }
};

QTEST_GUILESS_MAIN(TestModule)
#include "test_module.moc"
