#include <QtTest>
#include <cmath>
#include <numeric>

#include "core/autograd/engine.h"
#include "core/autograd/gradcheck.h"
#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/ops/arithmetic.h"
#include "core/ops/autocast.h"
#include "core/ops/recurrent_sequence.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/stacking_device.h"

using namespace nw;
using namespace nw::test;

namespace {

/// One stack of layers with its input, drawn at random.
struct Case {
  ops::RecurrentOptions options;
  Tensors inputs;      // x, h_0, c_0 (may be undefined), then the weights, some undefined
  Tensor batch_sizes;  // undefined: not packed
};

constexpr size_t kWeights = 5;

std::vector<ops::RecurrentWeights> weights_of(const Tensors& inputs) {
  std::vector<ops::RecurrentWeights> weights;
  for (size_t i = 3; i < inputs.size(); i += kWeights) {
    weights.push_back({inputs[i], inputs[i + 1], inputs[i + 2], inputs[i + 3], inputs[i + 4]});
  }
  return weights;
}

Tensors run(const Case& drawn, const Tensors& inputs) {
  const auto result = ops::recurrent(inputs[0], drawn.batch_sizes, {inputs[1], inputs[2]},
                                     weights_of(inputs), drawn.options, default_generator());
  Tensors outputs{result.output, result.final.h};
  if (result.final.c.defined()) outputs.push_back(result.final.c);
  return outputs;
}

/// `most`: the largest size of anything.
Case draw_case(Draw& draw, RecurrentCell cell, DType dtype, int64_t most) {
  Case drawn;
  drawn.options = {
      .op = "test", .cell = cell, .layers = draw.integer(1, 2), .bidirectional = draw.chance(0.5)};
  const int64_t batch = draw.integer(1, most);
  const int64_t features = draw.integer(1, most);
  const int64_t hidden = draw.integer(2, most);
  const bool lstm = cell == RecurrentCell::Lstm;
  const bool projects = lstm && draw.chance(0.4);
  const int64_t state = projects ? draw.integer(1, hidden - 1) : hidden;
  const int64_t directions = drawn.options.bidirectional ? 2 : 1;
  const int64_t cells = drawn.options.layers * directions;
  const bool bias = draw.chance(0.7);
  const auto leaf = [&](bool there, const Dims& sizes) {
    if (!there) return Tensor();
    // Scaled so that sums over the state neither vanish nor grow from step to step.
    const Tensor x = draw.numbers(sizes, dtype) * (1 / std::sqrt(static_cast<double>(state)));
    x.set_requires_grad();
    return x;
  };
  Dims x_sizes{draw.integer(1, 5), batch, features};
  if (draw.chance(0.5)) {
    std::vector<int64_t> sizes{batch};
    while (sizes.size() < 5 && draw.chance(0.8)) sizes.push_back(draw.integer(1, sizes.back()));
    drawn.batch_sizes = tensor_of<int64_t>(sizes, Dims{static_cast<int64_t>(sizes.size())});
    x_sizes = Dims{std::accumulate(sizes.begin(), sizes.end(), int64_t{0}), features};
  }
  const bool initial = draw.chance(0.7);
  drawn.inputs = {leaf(true, x_sizes), leaf(initial, Dims{cells, batch, state}),
                  leaf(initial && lstm, Dims{cells, batch, hidden})};
  const int64_t rows = gate_count(cell) * hidden;
  for (int64_t i = 0; i < cells; ++i) {
    drawn.inputs.push_back(leaf(true, Dims{rows, i < directions ? features : directions * state}));
    drawn.inputs.push_back(leaf(true, Dims{rows, state}));
    drawn.inputs.push_back(leaf(bias, Dims{rows}));
    drawn.inputs.push_back(leaf(bias, Dims{rows}));
    drawn.inputs.push_back(leaf(projects, Dims{state, hidden}));
  }
  return drawn;
}

std::string describe(const Case& drawn) {
  std::string text =
      concat(drawn.options.layers, " layers", drawn.options.bidirectional ? " both ways" : "");
  for (const Tensor& input : drawn.inputs) {
    text += " " + (input.defined() ? nw::describe(input) : std::string("-"));
  }
  return text;
}

RecurrentSteps steps_of(const Case& drawn, bool reverse) {
  const bool packed = drawn.batch_sizes.defined();
  const Tensor& x = drawn.inputs[0];
  return {drawn.options.cell, reverse, packed ? drawn.batch_sizes.size(0) : x.size(0),
          packed ? drawn.batch_sizes.data<int64_t>()[0] : x.size(1), drawn.batch_sizes};
}

/// The first of the drawn cells alone.
Tensors one_cell(decltype(ops::fused_sequence) function, const RecurrentSteps& steps,
                 const Case& drawn) {
  const auto first = [](const Tensor& x) { return x.defined() ? ops::select(x, 0, 0) : x; };
  const Tensor& x = drawn.inputs[0];
  const auto result =
      function(steps, ops::reshape(x, {-1, x.size(-1)}),
               {first(drawn.inputs[1]), first(drawn.inputs[2])}, weights_of(drawn.inputs)[0]);
  Tensors outputs{result.y, result.final.h};
  if (result.final.c.defined()) outputs.push_back(result.final.c);
  return outputs;
}

/// The outputs, and the gradients of the inputs for given gradients of the outputs.
Tensors outcome(const Case& drawn, const Tensors& outputs, const Tensors& grads) {
  Tensors all = outputs;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (grads[i].defined()) autograd::backward(outputs[i], grads[i], true);
  }
  for (const Tensor& input : drawn.inputs) {
    all.push_back(input.defined() && input.grad().defined() ? input.grad() : Tensor());
    if (input.defined()) input.set_grad({});
  }
  return all;
}

constexpr Device kGpu{DeviceType::Cuda, 0};

/// The same case on the device whose kernel takes a whole stack.
Case on_device(const Case& drawn) {
  stacking_device();
  Case other = drawn;
  for (Tensor& input : other.inputs) {
    if (!input.defined()) continue;
    const bool learns = input.requires_grad();
    input = raw::to(input.detach(), kGpu);
    input.set_requires_grad(learns);
  }
  return other;
}

Tensors to_device(const Tensors& tensors, Device device) {
  Tensors all;
  for (const Tensor& x : tensors) all.push_back(x.defined() ? raw::to(x.detach(), device) : x);
  return all;
}

/// Gradients for the outputs of a case, the first and now and then others.
Tensors some_grads(Draw& draw, const Tensors& outputs) {
  Tensors grads;
  for (const Tensor& output : outputs) {
    const bool there = grads.empty() || draw.chance(0.7);
    grads.push_back(there ? draw.numbers(output.sizes(), output.dtype()) : Tensor());
  }
  return grads;
}

std::string first_difference(const Tensors& a, const Tensors& b, double slack) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].defined() != b[i].defined()) return concat("number ", i, " is missing in one");
    if (!a[i].defined()) continue;
    const std::string text = difference(a[i], b[i], concat("number ", i), slack);
    if (!text.empty()) return text;
  }
  return {};
}

}  // namespace

/// Recurrent layers as one kernel, against the same composed step by step, and against differences.
class TestRecurrent : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { test_seed(); }

  void fused_equals_composed_data() { add_cells(); }
  void fused_equals_composed() {
    QFETCH(int, cell);
    Draw draw(test_seed() + static_cast<uint64_t>(cell));
    for (int i = 0; i < 60; ++i) {
      // In float32 a sum may be rounded to either side of ReLU's kink.
      const bool bends = RecurrentCell(cell) == RecurrentCell::Relu;
      const DType dtype = bends || draw.chance(0.5) ? DType::Float64 : DType::Float32;
      // Sizes beyond a few vectors, so that whole tiles and rests of them come about.
      const Case drawn = draw_case(draw, RecurrentCell(cell), dtype, draw.chance(0.3) ? 70 : 9);
      const RecurrentSteps steps = steps_of(drawn, draw.chance(0.5));
      Tensors grads = one_cell(ops::fused_sequence, steps, drawn);
      // Without a gradient of y, some weights get none from the composed way, and 0 from the other.
      for (size_t at = 0; at < grads.size(); ++at) {
        const bool there = at == 0 || draw.chance(0.7);
        grads[at] = there ? draw.numbers(grads[at].sizes(), dtype) : Tensor();
      }
      const Tensors fused = outcome(drawn, one_cell(ops::fused_sequence, steps, drawn), grads);
      const Tensors composed =
          outcome(drawn, one_cell(ops::composed_sequence, steps, drawn), grads);
      const std::string text = first_difference(fused, composed, dtype == DType::Float32 ? 50 : 1);
      QVERIFY2(text.empty(), (describe(drawn) + ": " + text).c_str());
    }
  }

  void gradients_equal_differences_data() { add_cells(); }
  void gradients_equal_differences() {
    QFETCH(int, cell);
    Draw draw(test_seed() + 10 + static_cast<uint64_t>(cell));
    for (int i = 0; i < 16; ++i) {
      Case drawn = draw_case(draw, RecurrentCell(cell), DType::Float64, 4);
      const std::string text = autograd::gradcheck(
          [&](const Tensors& inputs) { return run(drawn, inputs); }, drawn.inputs);
      QVERIFY2(text.empty(), (describe(drawn) + ": " + text).c_str());
    }
  }

  void threads_do_not_change_numbers() {
    Draw draw(test_seed() + 20);
    const int before = num_threads();
    for (int i = 0; i < 12; ++i) {
      const Case drawn = draw_case(draw, RecurrentCell(i % 4), DType::Float32, 40);
      Tensors grads = run(drawn, drawn.inputs);
      for (Tensor& grad : grads) grad = draw.numbers(grad.sizes(), DType::Float32);
      set_num_threads(1);
      const Tensors one = outcome(drawn, run(drawn, drawn.inputs), grads);
      set_num_threads(3);
      const Tensors three = outcome(drawn, run(drawn, drawn.inputs), grads);
      set_num_threads(before);
      // The weights' gradients are sums over rows, which are divided among threads.
      for (size_t at = 0; at < grads.size() + 3; ++at) {
        if (!one[at].defined()) continue;
        const std::string text = bit_difference(one[at], three[at], concat("number ", at));
        QVERIFY2(text.empty(), (describe(drawn) + ": " + text).c_str());
      }
    }
  }

  void records_nothing_where_nothing_learns() {
    Draw draw(test_seed() + 30);
    for (int cell = 0; cell < 4; ++cell) {
      const Case drawn = draw_case(draw, RecurrentCell(cell), DType::Float32, 20);
      const Tensors learned = run(drawn, drawn.inputs);
      const autograd::NoGrad no_grad;
      const Tensors plain = run(drawn, drawn.inputs);
      for (size_t i = 0; i < plain.size(); ++i) {
        QVERIFY(!plain[i].requires_grad());
        QCOMPARE(bit_difference(plain[i], learned[i].detach(), "output"), std::string());
      }
    }
  }

  void stacks_equal_cells_data() { add_cells(); }
  void stacks_equal_cells() {
    QFETCH(int, cell);
    Draw draw(test_seed() + 40 + static_cast<uint64_t>(cell));
    for (int i = 0; i < 40; ++i) {
      Case drawn = draw_case(draw, RecurrentCell(cell), DType::Float64, 7);
      int frozen = 0;
      for (size_t at = 0; at < drawn.inputs.size(); ++at) {
        if (!drawn.inputs[at].defined() || !draw.chance(0.2)) continue;
        drawn.inputs[at].set_requires_grad(false);
        ++frozen;
      }
      const Case other = on_device(drawn);
      const Tensors outputs = run(drawn, drawn.inputs);
      if (!outputs[0].requires_grad()) continue;
      const Tensors grads = some_grads(draw, outputs);
      take_stacks_seen();
      // Each output goes back by itself, through the same graph.
      const Tensors ours = outcome(other, run(other, other.inputs), to_device(grads, kGpu));
      const StacksSeen seen = take_stacks_seen();
      const std::string text = first_difference(to_device(ours, kCpu),
                                                to_device(outcome(drawn, outputs, grads), kCpu), 1);
      QVERIFY2(text.empty(), (describe(drawn) + ": " + text).c_str());
      int backwards = 0;
      for (const Tensor& grad : grads) backwards += grad.defined();
      QCOMPARE(seen.forward, 1);
      QCOMPARE(seen.learning, 1);
      QCOMPARE(seen.most_layers, static_cast<int>(drawn.options.layers));
      QCOMPARE(seen.backward, backwards);
      QCOMPARE(seen.grads_not_wanted, frozen * backwards);
    }
  }

  void stacks_keep_nothing_where_nothing_learns() {
    Draw draw(test_seed() + 50);
    const Case drawn = on_device(draw_case(draw, RecurrentCell::Lstm, DType::Float32, 9));
    const autograd::NoGrad no_grad;
    take_stacks_seen();
    for (const Tensor& output : run(drawn, drawn.inputs)) QVERIFY(!output.requires_grad());
    const StacksSeen seen = take_stacks_seen();
    QCOMPARE(seen.forward, 1);
    QCOMPARE(seen.learning, 0);
  }

  /// What is dropped between layers is ours: each layer is a stack then, and the backend may take
  /// some of them only.
  void layers_are_stacks_where_numbers_are_dropped() {
    Draw draw(test_seed() + 60);
    for (int i = 0; i < 30; ++i) {
      Case drawn = draw_case(draw, RecurrentCell(i % 4), DType::Float64, 7);
      drawn.options.dropout = 0.4;
      const Case other = on_device(drawn);
      const int64_t features = drawn.inputs[0].size(-1);
      const bool declines = draw.chance(0.5);
      if (declines) decline_stacks(features);
      take_stacks_seen();
      manual_seed(100 + static_cast<uint64_t>(i));
      const Tensors ours = run(other, other.inputs);
      decline_stacks(std::numeric_limits<int64_t>::max());
      const StacksSeen seen = take_stacks_seen();
      manual_seed(100 + static_cast<uint64_t>(i));
      const Tensors expected = run(drawn, drawn.inputs);
      const Tensors grads = some_grads(draw, expected);
      const std::string text =
          first_difference(to_device(outcome(other, ours, to_device(grads, kGpu)), kCpu),
                           to_device(outcome(drawn, expected, grads), kCpu), 1);
      QVERIFY2(text.empty(), (describe(drawn) + ": " + text).c_str());
      QCOMPARE(seen.forward + seen.declined, static_cast<int>(drawn.options.layers));
      QVERIFY(seen.declined >= (declines ? 1 : 0));
      QCOMPARE(seen.most_layers, seen.forward > 0 ? 1 : 0);
    }
  }

  void stacks_take_sixteen_bits_under_autocast() {
    Draw draw(test_seed() + 70);
    for (int i = 0; i < 30; ++i) {
      const Case drawn = on_device(draw_case(draw, RecurrentCell(i % 4), DType::Float32, 7));
      const Autocast autocast(DeviceType::Cuda,
                              draw.chance(0.5) ? DType::Float16 : DType::BFloat16);
      take_stacks_seen();
      const Tensors ours = run(drawn, drawn.inputs);
      QCOMPARE(take_stacks_seen().forward, 1);
      QCOMPARE(ours[0].dtype(), autocast_dtype(DeviceType::Cuda));
      decline_stacks(0);
      const Tensors expected = run(drawn, drawn.inputs);
      decline_stacks(std::numeric_limits<int64_t>::max());
      QCOMPARE(take_stacks_seen().declined, 1);
      for (size_t at = 0; at < ours.size(); ++at) {
        const Tensors pair = to_device({ours[at], expected[at]}, kCpu);
        QCOMPARE(bit_difference(pair[0], pair[1], "output"), std::string());
      }
    }
  }

  void refuses_data() {
    QTest::addColumn<int>("at");
    QTest::addColumn<QString>("expected");
    QTest::newRow("features") << 0 << "[test] expects 3 features on the last dimension, gets 4";
    QTest::newRow("h_0") << 1 << "[test] expects h_0 of 1×2×5";
    QTest::newRow("c_0") << 2 << "[test] expects h_0 and c_0 together";
  }
  void refuses() {
    QFETCH(int, at);
    QFETCH(QString, expected);
    const auto of = [](const Dims& sizes) { return zeros(sizes); };
    Tensors inputs{
        of({4, 2, 3}), of({1, 2, 5}), of({1, 2, 5}), of({20, 3}), of({20, 5}), {}, {}, {}};
    if (at == 0) inputs[0] = of({4, 2, 4});
    if (at == 1) inputs[1] = of({1, 3, 5});
    if (at == 2) inputs[2] = Tensor();
    const Case drawn{{.op = "test", .cell = RecurrentCell::Lstm}, inputs, {}};
    try {
      run(drawn, inputs);
      QFAIL("accepted");
    } catch (const Error& error) {
      QVERIFY2(error.text().starts_with(expected.toStdString()), error.what());
    }
  }

 private:
  void add_cells() {
    QTest::addColumn<int>("cell");
    QTest::newRow("tanh") << int(RecurrentCell::Tanh);
    QTest::newRow("relu") << int(RecurrentCell::Relu);
    QTest::newRow("LSTM") << int(RecurrentCell::Lstm);
    QTest::newRow("GRU") << int(RecurrentCell::Gru);
  }
};

QTEST_GUILESS_MAIN(TestRecurrent)
#include "test_recurrent.moc"
