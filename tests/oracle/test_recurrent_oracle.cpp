#include <QtTest>
#include <cstdio>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/nn/call.h"
#include "core/nn/init.h"
#include "core/nn/layers/recurrent.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

/// A recurrent layer with a batch of sequences of unequal lengths.
struct Case {
  const nn::Block* block;
  nn::Args args;
  DType dtype;
  uint64_t seed;
  bool training;
  Tensor x, lengths;
  ops::RecurrentState initial;  // may be undefined

  bool batch_first() const { return args.boolean("batch_first"); }
  std::string text() const {
    return concat(nn::python_call(*block, args), training ? " training" : "", " seed ", seed,
                  " on ", describe(x));
  }
};

Tensor leaf(Draw& draw, const Dims& sizes, DType dtype) {
  const Tensor x = draw.numbers(sizes, dtype);
  x.set_requires_grad();
  return x;
}

Case draw_case(Draw& draw, const nn::Block& block, int64_t steps) {
  Case drawn{&block,
             block.complete(draw.args(block)),
             DType::Float32,
             draw.seed() % 100'000,
             draw.chance(0.6),
             {},
             {},
             {}};
  if (draw.chance(0.5)) drawn.dtype = DType::Float64;
  const int64_t batch = draw.integer(1, 5);
  // Nothing can be packed that has no numbers, in torch neither.
  const int64_t features = std::max<int64_t>(1, drawn.args.integer("input_size"));
  drawn.args.set("input_size", features);
  drawn.x =
      leaf(draw, drawn.batch_first() ? Dims{batch, steps, features} : Dims{steps, batch, features},
           drawn.dtype);
  drawn.lengths = draw.whole(Dims{batch}, 1, steps);
  const int64_t cells =
      drawn.args.integer("num_layers") * (drawn.args.boolean("bidirectional") ? 2 : 1);
  const bool lstm = block.id == "LSTM";
  if (draw.chance(0.5)) {
    const int64_t hidden = drawn.args.integer("hidden_size");
    const int64_t projection = lstm ? drawn.args.integer("proj_size") : 0;
    drawn.initial.h =
        leaf(draw, Dims{cells, batch, projection > 0 ? projection : hidden}, drawn.dtype);
    if (lstm) drawn.initial.c = leaf(draw, Dims{cells, batch, hidden}, drawn.dtype);
  }
  return drawn;
}

/// What is compared, in one order in both languages.
using Named = std::vector<std::pair<std::string, Tensor>>;

void add_gradients(const Case& drawn, const nn::Module& module, Named& out) {
  out.emplace_back("grad_x", drawn.x.grad());
  if (drawn.initial.h.defined()) out.emplace_back("grad_h", drawn.initial.h.grad());
  if (drawn.initial.c.defined()) out.emplace_back("grad_c", drawn.initial.c.grad());
  const auto parameters = module.parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    out.emplace_back("grad_p" + std::to_string(i), parameters[i].grad());
  }
}

std::unique_ptr<nn::Module> make(const Case& drawn) {
  const nn::DTypeGuard guard(drawn.dtype);
  manual_seed(drawn.seed);
  auto module = drawn.block->make(drawn.args);
  module->train(drawn.training);
  return module;
}

/// The layer with `lengths`, after which the sum of weighted outputs goes backward.
Named run_ours(const Case& drawn, const Tensors& grads) {
  const auto module = make(drawn);
  Tensors inputs{drawn.x, drawn.initial.h};
  if (drawn.block->id == "LSTM") inputs.push_back(drawn.initial.c);
  inputs.push_back(drawn.lengths);
  const Tensors outputs = module->call(inputs);
  Named out{{"y", outputs[0]}, {"h_n", outputs[1]}};
  if (outputs.size() > 2) out.emplace_back("c_n", outputs[2]);
  for (size_t i = 0; i < outputs.size(); ++i) {
    autograd::backward(outputs[i], raw::to(grads[i], drawn.dtype), true);
  }
  add_gradients(drawn, *module, out);
  return out;
}

std::string code_of(const Case& drawn) {
  const std::string first = drawn.batch_first() ? "True" : "False";
  const std::string steps = std::to_string(drawn.x.size(drawn.batch_first() ? 1 : 0));
  return concat(
      "from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence\n"
      "torch.set_default_dtype(torch.",
      name(drawn.dtype), ")\ntorch.manual_seed(", drawn.seed,
      ")\nm = ", nn::python_call(*drawn.block, drawn.args), "\nm.train(",
      drawn.training ? "True" : "False",
      ")\nleaves = [x] + ([h] if 'h' in globals() else []) + ([c] if 'c' in globals() else [])\n"
      "for leaf in leaves: leaf.requires_grad_()\n"
      "hx = None if len(leaves) == 1 else leaves[1] if len(leaves) == 2 else tuple(leaves[1:])\n"
      "packed = pack_padded_sequence(x, lengths, ",
      first, ", enforce_sorted=False)\nout, state = m(packed, hx)\n",
      "y = pad_packed_sequence(out, ", first, ", total_length=", steps, ")[0]\n",
      "h_n, c_n = state if isinstance(state, tuple) else (state, None)\n"
      "total = sum((t * g).sum() for t, g in zip([y, h_n, c_n], [g0, g1, g2]) if t is not None)\n"
      "total.backward()\n"
      "grad_x = x.grad\n"
      "grad_h = leaves[1].grad if len(leaves) > 1 else None\n"
      "grad_c = leaves[2].grad if len(leaves) > 2 else None\n"
      "for i, p in enumerate(m.parameters()): globals()[f'grad_p{i}'] = p.grad\n");
}

/// First difference; empty: none.
std::string compare(Draw& draw, Oracle& oracle, const Case& drawn, double slack) {
  const auto shape = make(drawn);
  Tensors inputs{drawn.x.detach(), drawn.initial.h, drawn.initial.c};
  if (drawn.block->id != "LSTM") inputs = {drawn.x.detach(), drawn.initial.h};
  const Tensors shapes = shape->call(inputs);
  Tensors grads;
  for (const Tensor& y : shapes) grads.push_back(draw.numbers(y.sizes(), drawn.dtype));
  while (grads.size() < 3) grads.push_back(draw.numbers(Dims{1}, drawn.dtype));
  const Named ours = run_ours(drawn, grads);

  Oracle::Inputs sent{{"x", drawn.x.detach()}, {"lengths", drawn.lengths}};
  if (drawn.initial.h.defined()) sent.emplace_back("h", drawn.initial.h.detach());
  if (drawn.initial.c.defined()) sent.emplace_back("c", drawn.initial.c.detach());
  for (size_t i = 0; i < grads.size(); ++i) sent.emplace_back(concat("g", i), grads[i]);
  std::vector<std::string> names;
  for (const auto& [what, tensor] : ours) names.push_back(what);
  const Oracle::Reply torch = oracle.run(code_of(drawn), sent, names);
  if (!torch.ok()) return "torch: " + torch.error;
  for (const auto& [what, tensor] : ours) {
    const std::string text = difference(tensor, torch[what], what, slack);
    if (!text.empty()) return text;
  }
  return {};
}

std::string texts(const Tensor& numbers) {
  std::string text;
  if (!numbers.defined()) return "None";
  for (int64_t i = 0; i < numbers.numel(); ++i) {
    text += (i > 0 ? " " : "") + std::to_string(numbers.data<int64_t>()[i]);
  }
  return text;
}

}  // namespace

/// What the generic test of all blocks does not reach of RNN, LSTM and GRU: packed sequences, and
/// long ones.
class TestRecurrentOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test_seed();
  }

  void lengths_data() { add_layers(); }
  void lengths() {
    QFETCH(QString, id);
    const nn::Block& block = *nn::blocks().find(id.toStdString());
    Draw draw(test_seed() + std::hash<std::string>()(block.id));
    for (int i = 0; i < 80; ++i) {
      const Case drawn = draw_case(draw, block, draw.integer(1, 7));
      const std::string problem = compare(draw, oracle_, drawn, 10);
      QVERIFY2(problem.empty(), (drawn.text() + "\n  " + problem).c_str());
    }
  }

  void long_sequences_data() { add_layers(); }
  void long_sequences() {
    QFETCH(QString, id);
    const nn::Block& block = *nn::blocks().find(id.toStdString());
    Draw draw(test_seed() + 1 + std::hash<std::string>()(block.id));
    for (int i = 0; i < 3; ++i) {
      Case drawn = draw_case(draw, block, 250);
      if (block.id == "RNN") drawn.args.set("nonlinearity", std::string("tanh"));
      const std::string problem = compare(draw, oracle_, drawn, 30);
      QVERIFY2(problem.empty(), (drawn.text() + "\n  " + problem).c_str());
    }
  }

  /// The parts of a PackedSequence, and what becomes of it when it is padded again.
  void packs_and_pads() {
    Draw draw(test_seed() + 2);
    for (int i = 0; i < 60; ++i) {
      const bool first = draw.chance(0.5);
      const bool any = draw.chance(0.6);
      const int64_t batch = draw.integer(1, 6);
      const int64_t steps = draw.integer(1, 6);
      Dims sizes = first ? Dims{batch, steps} : Dims{steps, batch};
      while (draw.chance(0.5) && sizes.size() < 5) sizes.push_back(draw.integer(1, 3));
      const Tensor x =
          draw.chance(0.3) ? draw.whole(sizes, -9, 9) : draw.numbers(sizes, DType::Float32);
      const Tensor lengths = draw.whole(Dims{batch}, draw.chance(0.1) ? 0 : 1, steps);
      const int64_t total = draw.integer(steps - 1, steps + 2);
      const std::string problem = compare_packing(x, lengths, first, any, total);
      QVERIFY2(problem.empty(),
               (describe(x) + " lengths " + texts(lengths) + "\n  " + problem).c_str());
    }
  }

 private:
  void add_layers() {
    QTest::addColumn<QString>("id");
    for (const char* id : {"RNN", "LSTM", "GRU"}) QTest::newRow(id) << id;
  }

  std::string compare_packing(const Tensor& x, const Tensor& lengths, bool first, bool any,
                              int64_t total) {
    const auto python = [](bool value) { return value ? "True" : "False"; };
    const std::string code = concat(
        "from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence\n"
        "p = pack_padded_sequence(x, lengths, ",
        python(first), ", ", python(!any),
        ")\ndata = p.data\ntext = lambda t: 'None' if t is None else ' '.join(map(str, "
        "t.tolist()))\n"
        "sizes, order, back = text(p.batch_sizes), text(p.sorted_indices), "
        "text(p.unsorted_indices)\n"
        "y, n = pad_packed_sequence(p, ",
        python(first), ", 3, ", total, ")\nn = text(n)\n");
    const Oracle::Reply torch = oracle_.run(code, {{"x", x}, {"lengths", lengths}},
                                            {"data", "sizes", "order", "back", "y", "n"});
    const auto dim = first ? ops::BatchDim::First : ops::BatchDim::Second;
    try {
      const auto order = any ? ops::SequenceOrder::Any : ops::SequenceOrder::Sorted;
      const auto packed = ops::pack_padded_sequence(x, lengths, dim, order);
      const auto padded = ops::pad_packed_sequence(packed, dim, 3, total);
      if (!torch.ok()) return "ours accepts; torch: " + torch.error;
      if (texts(packed.batch_sizes) != torch.texts.at("sizes") ||
          texts(packed.sorted_indices) != torch.texts.at("order") ||
          texts(packed.unsorted_indices) != torch.texts.at("back") ||
          texts(padded.lengths) != torch.texts.at("n")) {
        return concat("other indices: ", texts(packed.batch_sizes), "; ",
                      texts(packed.sorted_indices), "; ", texts(padded.lengths));
      }
      const std::string text = bit_difference(packed.data, torch["data"], "packed");
      return text.empty() ? bit_difference(padded.output, torch["y"], "padded") : text;
    } catch (const Error& error) {
      return torch.ok() ? "torch accepts; ours: " + error.text() : std::string();
    }
  }

  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestRecurrentOracle)
#include "test_recurrent_oracle.moc"
