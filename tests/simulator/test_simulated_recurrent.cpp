#include <QtTest>
#include <cmath>

#include "core/autograd/engine.h"
#include "core/autograd/node.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/kernel_table.h"
#include "core/backend/math_mode.h"
#include "core/base/random.h"
#include "core/nn/layers/recurrent.h"
#include "core/ops/autocast.h"
#include "tests/simulator/load_gpus.h"
#include "tests/support/draw.h"

using namespace nw;
using namespace nw::test;

namespace {

const Device kGpu{DeviceType::Cuda, 0};

using Options = nn::RecurrentModule::Options;

/// What is different from a plain training step.
enum class Way { Plain, Inference, Float16, BFloat16, Tf32 };

struct Net {
  int kind;  // LSTM, GRU, RNN with tanh, with ReLU
  Options options;

  std::shared_ptr<nn::RecurrentModule> make(Device device) const {
    manual_seed(7);
    std::shared_ptr<nn::RecurrentModule> module;
    if (kind == 0) module = std::make_shared<nn::LSTM>(options);
    if (kind == 1) module = std::make_shared<nn::GRU>(options);
    if (kind >= 2) module = std::make_shared<nn::RNN>(options, kind == 2 ? "tanh" : "relu");
    module->to(device);
    return module;
  }
  std::string text() const { return make(kCpu)->kind() + "(" + make(kCpu)->extra_repr() + ")"; }
};

/// Where numbers are rounded more than the CPU does, one may fall on the other side of ReLU's kink.
int any_kind(Draw& draw, Way way) {
  return static_cast<int>(draw.integer(0, way == Way::Plain || way == Way::Inference ? 3 : 2));
}

Net any_net(Draw& draw, Way way) {
  Net net{any_kind(draw, way),
          {.input_size = draw.integer(1, 9),
           .hidden_size = draw.integer(2, 12),
           .num_layers = draw.integer(1, 3),
           .bias = draw.chance(0.7),
           .batch_first = draw.chance(0.5),
           .bidirectional = draw.chance(0.5)}};
  if (net.kind == 0 && draw.chance(0.4)) {
    net.options.proj_size = draw.integer(1, net.options.hidden_size - 1);
  }
  return net;
}

/// One of the sizes for which the weights stay in the GPU, if all sequences are of one length.
Net large_net(Draw& draw, Way way) {
  const bool low = way == Way::Float16 || way == Way::BFloat16;
  return {low ? 0 : any_kind(draw, way), {.input_size = 128, .hidden_size = low ? 256 : 128}};
}

/// x, initial states and lengths; some missing.
Tensors any_inputs(Draw& draw, const Net& net, int64_t batch) {
  const Options& o = net.options;
  const int64_t steps = draw.integer(1, 6);
  const int64_t cells = o.num_layers * (o.bidirectional ? 2 : 1);
  const bool begins = draw.chance(0.5);
  const auto state = [&](int64_t width) {
    return begins ? draw.numbers({cells, batch, width}, DType::Float32) : Tensor();
  };
  Tensors inputs{draw.numbers(o.batch_first ? Dims{batch, steps, o.input_size}
                                            : Dims{steps, batch, o.input_size},
                              DType::Float32),
                 state(o.proj_size > 0 ? o.proj_size : o.hidden_size)};
  if (net.kind == 0) inputs.push_back(state(o.hidden_size));
  // Nothing of no features can be packed.
  const bool ends = o.input_size > 0 && o.hidden_size < 128 && draw.chance(0.5);
  inputs.push_back(ends ? draw.whole({batch}, 1, steps) : Tensor());
  return inputs;
}

Tensors leaves_on(const Tensors& inputs, Device device) {
  Tensors leaves;
  for (const Tensor& input : inputs) {
    leaves.push_back(input.defined() ? raw::to(raw::clone(input), device) : input);
    if (input.defined() && is_floating(input.dtype())) leaves.back().set_requires_grad();
  }
  return leaves;
}

/// The largest distance, of numbers above 1 as a share of them.
double distance(const Tensor& ours, const Tensor& expected) {
  if (!ours.defined() || ours.sizes() != expected.sizes()) return HUGE_VAL;
  const auto flat = [](const Tensor& x) {
    return raw::contiguous(raw::to(raw::to(x.detach(), kCpu), DType::Float64));
  };
  const Tensor a = flat(ours);
  const Tensor b = flat(expected);
  double most = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    const double at = b.data<double>()[i];
    const double off = std::abs(a.data<double>()[i] - at) / (1 + std::abs(at));
    if (!(off <= most)) most = off;
  }
  return most;
}

double bound_of(Way way) {
  switch (way) {
    case Way::Float16:
    case Way::Tf32:
      return 2e-2;
    case Way::BFloat16:
      return 1.5e-1;
    default:
      return 5e-5;
  }
}

/// A module, what it was given and what came of it.
struct Passed {
  std::shared_ptr<nn::RecurrentModule> module;
  std::vector<Tensors> inputs;
  std::vector<Tensors> outputs;

  void forward(const Tensors& given, Device device, Way way) {
    inputs.push_back(leaves_on(given, device));
    const autograd::GradMode records(way != Way::Inference);
    const bool low = device != kCpu && (way == Way::Float16 || way == Way::BFloat16);
    const Autocast autocast(DeviceType::Cuda,
                            way == Way::Float16 ? DType::Float16 : DType::BFloat16, low);
    outputs.push_back(module->forward(inputs.back()));
  }
  /// Each output goes back by itself, through one graph.
  void backward(size_t run, const Tensors& grads) {
    for (size_t i = 0; i < grads.size(); ++i) {
      const Tensor& y = outputs[run][i];
      const Tensor grad = raw::to(raw::to(grads[i], y.device()), y.dtype());
      autograd::backward(y, grad, i + 1 < grads.size());
    }
  }
};

}  // namespace

/// cuDNN's recurrent layers, as the plugin calls them, against the CPU's.
class TestSimulatedRecurrent : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QCOMPARE(load_simulated_gpus("devices=1,memory=512M,processors=132"), std::string());
  }

  void computes_as_the_cpu_data() {
    QTest::addColumn<int>("way");
    QTest::newRow("float32") << int(Way::Plain);
    QTest::newRow("inference") << int(Way::Inference);
    QTest::newRow("float16") << int(Way::Float16);
    QTest::newRow("bfloat16") << int(Way::BFloat16);
    QTest::newRow("TF32") << int(Way::Tf32);
  }
  void computes_as_the_cpu() {
    QFETCH(int, way);
    set_math_mode({.conv_tf32 = Way(way) == Way::Tf32});
    Draw draw(test_seed() + static_cast<uint64_t>(way));
    for (int round = 0; round < 40; ++round) {
      const bool large = round % 13 == 12;
      const Net net = large ? large_net(draw, Way(way)) : any_net(draw, Way(way));
      compare(draw, net, Way(way), large ? 8 : draw.integer(1, 6), draw.chance(0.3) ? 2 : 1, true);
      if (QTest::currentTestFailed()) return;
    }
  }

  /// Without features cuDNN has nothing to do: our own kernels take over.
  void what_cudnn_leaves_is_computed_by_cells() {
    set_math_mode({.conv_tf32 = false});
    Draw draw(test_seed() + 10);
    for (const Way way : {Way::Plain, Way::Inference, Way::Float16}) {
      for (int kind = 0; kind < 4; ++kind) {
        const Net net{kind, {.input_size = 0, .hidden_size = 5, .bidirectional = true}};
        compare(draw, net, way, 3, 1, false);
        if (QTest::currentTestFailed()) return;
      }
    }
  }

  /// A recording repeats what the calls do, with whatever stands in the input then.
  void is_recorded() {
    set_math_mode({.conv_tf32 = false});
    Draw draw(test_seed() + 20);
    for (int round = 0; round < 12; ++round) {
      const Net net = any_net(draw, Way::Plain);
      const auto module = net.make(kGpu);
      Tensors inputs = any_inputs(draw, net, draw.integer(1, 4));
      inputs.back() = Tensor();  // lengths are read on the host
      const Tensors leaves = leaves_on(inputs, kGpu);
      const Tensor grad = raw::to(module->forward(leaves)[0].detach(), kGpu);
      const auto step = [&] {
        Tensors wanted;
        for (const Tensor& leaf : leaves) {
          if (leaf.defined()) wanted.push_back(leaf);
        }
        for (const auto& [name, parameter] : module->named_parameters()) {
          wanted.push_back(parameter);
        }
        const Tensors outputs = module->forward(leaves);
        Tensors all = autograd::grad({outputs[0]}, wanted, {grad});
        for (const Tensor& output : outputs) all.push_back(output.detach());
        return all;
      };
      step();
      Tensors recorded;
      const auto captured =
          backend_of(kGpu).capture(kGpu, default_generator(), nullptr, [&] { recorded = step(); });
      for (int again = 0; again < 2; ++again) {
        raw::copy_(leaves[0].detach(),
                   raw::to(draw.numbers(leaves[0].sizes(), DType::Float32), kGpu));
        captured->replay(default_generator());
        backend_of(kGpu).synchronize(kGpu);
        const Tensors expected = step();
        for (size_t i = 0; i < expected.size(); ++i) {
          QVERIFY2(distance(recorded[i], expected[i]) == 0, net.text().c_str());
        }
      }
    }
  }

 private:
  void compare(Draw& draw, const Net& net, Way way, int64_t batch, int runs, bool by_cudnn) {
    Passed cpu{net.make(kCpu), {}, {}};
    Passed gpu{net.make(kGpu), {}, {}};
    const kernel_table::Recording kernels;
    // Where there are several forwards, the first goes back when others have been.
    for (int run = 0; run < runs; ++run) {
      const Tensors inputs = any_inputs(draw, net, batch);
      cpu.forward(inputs, kCpu, way);
      gpu.forward(inputs, kGpu, way);
    }
    const double bound = bound_of(way);
    const auto check = [&](const Tensor& ours, const Tensor& expected, const std::string& what) {
      const double off = distance(ours, expected);
      QVERIFY2(off <= bound, concat(net.text(), ": ", what, " is off by ", off).c_str());
    };
    for (size_t run = 0; run < cpu.outputs.size(); ++run) {
      Tensors grads;
      for (size_t i = 0; i < cpu.outputs[run].size(); ++i) {
        check(gpu.outputs[run][i], cpu.outputs[run][i], concat("output ", i));
        grads.push_back(draw.numbers(cpu.outputs[run][i].sizes(), DType::Float32));
      }
      if (way == Way::Inference) continue;
      cpu.backward(run, grads);
      gpu.backward(run, grads);
      for (size_t i = 0; i + 1 < cpu.inputs[run].size(); ++i) {
        const Tensor& input = cpu.inputs[run][i];
        if (!input.defined()) continue;
        check(gpu.inputs[run][i].grad(), input.grad(), concat("the gradient of input ", i));
      }
    }
    const auto expected = cpu.module->named_parameters();
    const auto ours = gpu.module->named_parameters();
    for (size_t i = 0; i < expected.size() && way != Way::Inference; ++i) {
      check(ours[i].second.grad(), expected[i].second.grad(), "the gradient of " + ours[i].first);
    }
    QCOMPARE(kernels.names().count("recurrent.stack_forward"), size_t{1});
    QCOMPARE(kernels.names().count("recurrent.forward"), by_cudnn ? size_t{0} : size_t{1});
  }
};

QTEST_GUILESS_MAIN(TestSimulatedRecurrent)
#include "test_simulated_recurrent.moc"
