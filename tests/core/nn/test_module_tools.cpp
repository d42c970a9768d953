#include <QtTest>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/nn/containers.h"
#include "core/nn/init.h"
#include "core/nn/layers/activation.h"
#include "core/nn/layers/conv.h"
#include "core/nn/layers/linear.h"
#include "core/ops/arithmetic.h"
#include "core/ops/reduction.h"

using namespace nw;
using namespace nw::nn;

namespace {

using Shared = std::shared_ptr<Module>;

std::shared_ptr<Linear> linear(int64_t in, int64_t out, bool bias = true) {
  return std::make_shared<Linear>(Linear::Options{in, out, bias});
}

/// x -> 2·a, 3·b
class Twice : public Module {
 public:
  std::string kind() const override { return "Twice"; }
  Tensors forward(const Tensors& inputs) override { return {inputs[0] * 2.0, inputs[1] * 3.0}; }
};

template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.text();
  }
  return "no error";
}

std::vector<std::string> names_of(const Module::Named& named) {
  std::vector<std::string> out;
  for (const auto& [name, tensor] : named) out.push_back(name);
  return out;
}

double first_of(const Tensor& x) {
  return raw::contiguous(raw::to(x, DType::Float64)).data<double>()[0];
}

}  // namespace

/// The walks, hooks and conversions of Module, and its containers.
class TestModuleTools : public QObject {
  Q_OBJECT

 private slots:
  void what_is_shared_counts_once() {
    const auto shared = linear(2, 2);
    Sequential model(std::vector<Shared>{shared, std::make_shared<ReLU>(), shared});
    QCOMPARE(names_of(model.named_parameters()), (std::vector<std::string>{"0.weight", "0.bias"}));
    QCOMPARE(names_of(model.named_parameters("net")),
             (std::vector<std::string>{"net.0.weight", "net.0.bias"}));
    QCOMPARE(model.modules().size(), size_t{3});
    QCOMPARE(model.children().size(), size_t{2});
    QCOMPARE(model.parameters(false).size(), size_t{0});
    // The state has it under both names, as torch's.
    QCOMPARE(model.state_dict().entries.size(), size_t{4});
    QCOMPARE(to_string(model(zeros({3, 2})).sizes()), std::string("3×2"));
    int calls = 0;
    model.apply([&](Module&) { ++calls; });
    QCOMPARE(calls, 3);
  }

  void paths_lead_to_modules_and_tensors() {
    Sequential inner(std::vector<Shared>{linear(2, 3)});
    Sequential model(std::vector<std::pair<std::string, Shared>>{
        {"first", linear(2, 2)},
        {"rest", std::make_shared<Sequential>(std::vector<Shared>{linear(2, 3)})}});
    QCOMPARE(model.get_submodule("rest.0").kind(), std::string("Linear"));
    QVERIFY(&model.get_submodule("") == &model);
    QVERIFY(model.get_parameter("rest.0.weight").is_same(model.parameters()[2]));
    QCOMPARE(error_of([&] { model.get_submodule("rest.1"); }),
             std::string("[Sequential] has no child '1', looked for as 'rest.1'"));
    QCOMPARE(error_of([&] { model.get_parameter("rest.0.scale"); }),
             std::string("[Linear] has no parameter 'scale', looked for as 'rest.0.scale'"));
    QCOMPARE(error_of([&] { model.get_buffer("first.mean"); }),
             std::string("[Linear] has no buffer 'mean', looked for as 'first.mean'"));
  }

  void forward_hooks_run_in_order_and_may_replace() {
    Linear layer({1, 1, false});
    init::ones_(layer.parameters()[0]);
    std::string log;
    HookHandle doubling = layer.register_forward_pre_hook(
        [&](Module&, const Tensors& inputs) -> std::optional<Tensors> {
          log += "a";
          return Tensors{inputs[0] * 2.0};
        });
    layer.register_forward_pre_hook([&](Module&, const Tensors& inputs) -> std::optional<Tensors> {
      log += "b";
      log += first_of(inputs[0]) == 2.0 ? "2" : "?";
      return std::nullopt;
    });
    HookHandle adding = layer.register_forward_hook(
        [&](Module&, const Tensors& inputs, const Tensors& outputs) -> std::optional<Tensors> {
          log += "c";
          return Tensors{outputs[0] + inputs[0]};
        });
    QCOMPARE(first_of(layer(full({1, 1}, 1))), 4.0);
    doubling.remove();
    doubling.remove();
    adding.remove();
    log += "|";
    QCOMPARE(first_of(layer.forward(full({1, 1}, 1))), 1.0);  // forward itself has no hooks
    QCOMPARE(first_of(layer(full({1, 1}, 2))), 2.0);
    QCOMPARE(log, std::string("ab2c|b2"));
  }

  void backward_hooks_see_and_replace_gradients() {
    Twice module;
    Tensors seen_inputs;
    Tensors seen_outputs;
    module.register_full_backward_hook(
        [&](Module&, const Tensors& grad_inputs, const Tensors& grad_outputs) {
          seen_inputs = grad_inputs;
          seen_outputs = grad_outputs;
          return std::optional<Tensors>(Tensors{grad_inputs[0] * 10.0, grad_inputs[1]});
        });
    const Tensor a = full({2}, 1).set_requires_grad();
    const Tensor b = full({2}, 1).set_requires_grad();
    const Tensors y = module.call({a, b});
    autograd::backward(ops::sum(y[0]));
    // As PyTorch 1.13: the gradient that did not come is none for the output, 0 for the input.
    QCOMPARE(first_of(seen_inputs[0]), 2.0);
    QCOMPARE(first_of(seen_inputs[1]), 0.0);
    QCOMPARE(first_of(seen_outputs[0]), 1.0);
    QVERIFY(!seen_outputs[1].defined());
    QCOMPARE(first_of(a.grad()), 20.0);
    QCOMPARE(first_of(b.grad()), 0.0);
  }

  void backward_hooks_of_a_first_layer_have_no_input_gradient() {
    Linear layer({2, 1});
    int calls = 0;
    HookHandle handle = layer.register_full_backward_hook(
        [&](Module&, const Tensors& grad_inputs, const Tensors& grad_outputs) {
          ++calls;
          if (grad_inputs.size() != 1 || grad_inputs[0].defined()) throw Error("[test] inputs");
          if (!grad_outputs[0].defined()) throw Error("[test] outputs");
          return std::optional<Tensors>();
        });
    autograd::backward(ops::sum(layer(full({3, 2}, 1))));
    QCOMPARE(calls, 1);
    QVERIFY(layer.parameters()[0].grad().defined());
    handle.remove();
    autograd::backward(ops::sum(layer(full({3, 2}, 1))));
    QCOMPARE(calls, 1);
  }

  void conversion_reaches_layers_and_optimisers() {
    auto layer = linear(2, 1);
    Sequential model(std::vector<Shared>{layer});
    model.register_buffer("count", zeros({}, DType::Int64));
    const Tensor weight = layer->parameters()[0];
    autograd::backward(ops::sum(model(full({1, 2}, 1))));
    model.to(DType::Float64);
    QVERIFY(weight.dtype() == DType::Float64);
    QVERIFY(weight.grad().dtype() == DType::Float64);
    QVERIFY(model.get_buffer("count").dtype() == DType::Int64);
    const Tensor y = model(full({1, 2}, 1, DType::Float64));
    QVERIFY(y.dtype() == DType::Float64);
    model.zero_grad(false);
    QCOMPARE(first_of(weight.grad()), 0.0);
    autograd::backward(ops::sum(y));
    QCOMPARE(first_of(weight.grad()), 1.0);
    model.zero_grad();
    QVERIFY(!weight.grad().defined());
    model.type(DType::Float32);
    QVERIFY(weight.dtype() == DType::Float32);
    QVERIFY(model.get_buffer("count").dtype() == DType::Float32);
    QCOMPARE(
        error_of([&] { model.to(DType::Int64); }),
        std::string("[Sequential] to() expects a floating-point or complex dtype, gets int64"));
    model.to(kMeta);
    QVERIFY(weight.device() == kMeta);
    QCOMPARE(to_string(model(zeros({5, 2}, DType::Float32, kMeta)).sizes()), std::string("5×1"));
  }

  void conversion_changes_the_memory_format() {
    Conv2d conv({.in_channels = 3, .out_channels = 4, .kernel_size = 2});
    const Tensor x = full({1, 3, 4, 4}, 1);
    const Tensor before = raw::clone(conv(x));
    conv.to({.memory_format = MemoryFormat::ChannelsLast});
    QVERIFY(conv.parameters()[0].is_channels_last());
    QVERIFY(!conv.parameters()[0].is_contiguous());
    conv.to(DType::Float64);
    QVERIFY(conv.parameters()[0].is_channels_last());
    const Tensor after = conv(raw::to(x, DType::Float64));
    QVERIFY(std::abs(first_of(before) - first_of(after)) < 1e-5);
    QVERIFY(error_of([&] { conv.to({.memory_format = MemoryFormat::ChannelsLast3d}); }) !=
            "no error");
  }

  void linear_computes_with_complex_numbers() {
    Linear layer({2, 1, false});
    init::ones_(layer.parameters()[0]);
    layer.to(DType::Complex128);
    const Tensor x = empty({1, 2}, DType::Complex128);
    x.data<std::complex<double>>()[0] = {1, 2};
    x.data<std::complex<double>>()[1] = {3, -5};
    const Tensor y = layer(x);
    QVERIFY(y.data<std::complex<double>>()[0] == std::complex<double>(4, -3));
  }

  void freezing_stops_gradients() {
    auto frozen = linear(2, 2);
    Sequential model(std::vector<Shared>{frozen, linear(2, 1)});
    frozen->requires_grad_(false);
    autograd::backward(ops::sum(model(full({1, 2}, 1))));
    QVERIFY(!frozen->parameters()[0].grad().defined());
    QVERIFY(model.parameters()[2].grad().defined());
    frozen->requires_grad_();
    QVERIFY(frozen->parameters()[0].requires_grad());
  }

  void lazy_layers_take_sizes_from_the_first_input() {
    LazyLinear lazy({3});
    const Tensor weight = lazy.parameters()[0];
    QVERIFY(!lazy.state_dict().find("weight")->defined());
    Linear ready({4, 3});
    QVERIFY(error_of([&] {
              ready.load_state_dict(lazy.state_dict());
            }).find("weight: expects 3×4, gets nothing") != std::string::npos);
    lazy(zeros({2, 5}));
    QVERIFY(!lazy.is_lazy());
    QCOMPARE(to_string(weight.sizes()), std::string("3×5"));
    QVERIFY(weight.requires_grad());
    LazyLinear loaded({3});
    loaded.load_state_dict(ready.state_dict());
    QCOMPARE(first_of(loaded.parameters()[0]), first_of(ready.parameters()[0]));
    QCOMPARE(to_string(loaded(zeros({2, 4})).sizes()), std::string("2×3"));
  }

  void lists_and_dictionaries_hold_modules() {
    ModuleList list({linear(1, 2), linear(2, 3)});
    QCOMPARE(list.size(), int64_t{2});
    QCOMPARE(to_string(list[-1].parameters()[0].sizes()), std::string("3×2"));
    QVERIFY(error_of([&] { list[2]; }).find("no number 2") != std::string::npos);
    QVERIFY(error_of([&] {
              list.call({zeros({1, 1})});
            }).find("cannot be called") != std::string::npos);
    ModuleDict dict({{"a", linear(1, 2)}, {"b", std::make_shared<ReLU>()}});
    QVERIFY(dict.contains("b") && !dict.contains("c"));
    dict.update({{"b", std::make_shared<Tanh>()}});
    QCOMPARE(dict.keys(), (std::vector<std::string>{"a", "b"}));
    QCOMPARE(dict["b"].kind(), std::string("Tanh"));
    QVERIFY(error_of([&] { dict["c"]; }).find("'c'") != std::string::npos);
    QCOMPARE(names_of(dict.named_parameters()), (std::vector<std::string>{"a.weight", "a.bias"}));
  }

  void sequential_hands_several_inputs_to_its_first() {
    Sequential model(std::vector<Shared>{std::make_shared<Twice>(), std::make_shared<Twice>()});
    const Tensors y = model.call({full({1}, 1), full({1}, 1)});
    QCOMPARE(first_of(y[1]), 9.0);
    model.append(std::make_shared<ReLU>());
    QCOMPARE(error_of([&] {
               model.call({full({1}, 1), full({1}, 1)});
             }),
             std::string("[ReLU] expects one input, gets 2"));
  }
};

QTEST_GUILESS_MAIN(TestModuleTools)
#include "test_module_tools.moc"
