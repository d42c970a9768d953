#include "core/graph/fusion.h"

#include <QTest>
#include <cmath>
#include <memory>

#include "core/autograd/engine.h"
#include "core/autograd/profile.h"
#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/graph/model.h"
#include "tests/core/graph/graphs.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"

using namespace nw;
using namespace nw::graph;
using nw::test::text;

namespace {

constexpr int64_t kClasses = 3;
constexpr std::string_view kChainNode = "Chain";
constexpr std::string_view kProductNode = "Linear and activation";

nn::Args args_of(std::initializer_list<std::pair<std::string, nn::Value>> values) {
  nn::Args args;
  for (const auto& [name, value] : values) args.set(name, value);
  return args;
}

/// Nodes that take from whichever nodes stand before them.
class Drawing {
 public:
  explicit Drawing(test::Draw& draw) : draw_(draw) {}

  NodeId add(const std::string& block, nn::Args args, std::initializer_list<NodeId> from) {
    Node node;
    node.id = graph.next_id();
    node.block = block;
    node.args = std::move(args);
    const nn::Block& kind = *nn::blocks().find(block);
    size_t port = 0;
    for (const NodeId id : from) {
      graph.wires.push_back({{id, "output"}, {node.id, kind.inputs[port++].name}});
    }
    graph.nodes.push_back(node);
    return node.id;
  }

  /// A block without state that does one thing to each number, with any arguments.
  NodeId elementwise(NodeId from) {
    const nn::Block& block =
        *kinds()[static_cast<size_t>(draw_.integer(0, static_cast<int64_t>(kinds().size()) - 1))];
    nn::Args args = draw_.args(block);
    if (args.has("inplace") && draw_.chance(0.5)) args.set("inplace", false);
    return add(block.id, args, {from});
  }

  Graph graph;

 private:
  /// Those of the palette that say so of themselves, and take one input.
  static const std::vector<const nn::Block*>& kinds() {
    static const std::vector<const nn::Block*> found = [] {
      std::vector<const nn::Block*> all;
      for (const nn::Block& block : nn::blocks().all()) {
        if (block.role != nn::Role::Layer || block.inputs.size() != 1) continue;
        if (block.category != "activation") continue;
        test::Draw draw(1);
        const auto module = block.make(block.complete(draw.args(block)));
        if (dynamic_cast<const nn::Elementwise*>(module.get()) != nullptr) all.push_back(&block);
      }
      return all;
    }();
    return found;
  }

  test::Draw& draw_;
};

/// A net of a convolution or product, elementwise blocks in any order, each reading some of the
/// numbers before it, and a last product.
Graph any_net(test::Draw& draw, bool image) {
  Drawing drawing(draw);
  const NodeId input = drawing.add("Input", {}, {});
  const NodeId first =
      image ? drawing.add("Conv2d",
                          args_of({{"out_channels", int64_t{3}}, {"kernel_size", int64_t{3}}}),
                          {input})
            : drawing.add("Linear", args_of({{"out_features", int64_t{5}}}), {input});
  std::vector<NodeId> whole{first};
  std::vector<NodeId> small;  // of sizes that repeat to the others'
  if (image)
    small.push_back(
        drawing.add("AdaptiveAvgPool2d", args_of({{"output_size", int64_t{1}}}), {first}));
  const auto any = [&](const std::vector<NodeId>& nodes) {
    return nodes[static_cast<size_t>(draw.integer(0, static_cast<int64_t>(nodes.size()) - 1))];
  };
  const int64_t count = draw.integer(2, 9);
  for (int64_t i = 0; i < count; ++i) {
    const NodeId from = draw.chance(0.75) ? whole.back() : any(whole);
    if (draw.chance(0.5)) {
      whole.push_back(drawing.elementwise(from));
      continue;
    }
    const NodeId other = !small.empty() && draw.chance(0.3) ? small[0] : any(whole);
    const char* block = draw.chance(0.6) ? "Add" : "Multiply";
    whole.push_back(drawing.add(block, {},
                                draw.chance(0.5) ? std::initializer_list{from, other}
                                                 : std::initializer_list{other, from}));
  }
  NodeId last = whole.back();
  if (image) last = drawing.add("Flatten", {}, {last});
  if (!image && draw.chance(0.5)) {
    last = drawing.add("Linear", args_of({{"out_features", int64_t{4}}}), {last});
    last = drawing.elementwise(last);
  }
  last = drawing.add("Linear", args_of({{"out_features", kClasses}}), {last});
  drawing.add("CrossEntropyLoss", {}, {last});
  return drawing.graph;
}

/// What a step of training gives.
struct Outcome {
  std::string error;
  std::vector<Tensor> numbers;  // prediction, loss, gradients
  uint64_t kept_bytes = 0;      // by forward, for backward
  int64_t chains = 0;
  int64_t products = 0;
};

struct Setting {
  uint64_t seed;
  data::Signature data;
  DType dtype = DType::Float32;
  std::optional<DType> autocast = {};
  bool training = true;
  bool input_learns = false;
  bool channels_last = false;
  bool nan = false;  // among the input
};

Outcome run_step(const Graph& graph, const Setting& setting, bool watched) {
  Outcome outcome;
  manual_seed(setting.seed);
  const auto model = build(graph, setting.data);
  model->to(setting.dtype);
  model->train(setting.training);
  model->set_autocast(setting.autocast);
  if (watched) {
    for (nn::Module* module : model->modules()) {
      if (module == model.get()) continue;
      module->register_forward_hook(
          [](nn::Module&, const Tensors&, const Tensors&) -> std::optional<Tensors> { return {}; });
    }
  }
  test::Draw draw(setting.seed);
  Dims sizes{4};
  for (const int64_t size : setting.data.sample) sizes.push_back(size);
  Tensor x = draw.numbers(sizes, setting.dtype);
  if (setting.channels_last && sizes.size() == 4) {
    const Tensor turned = empty({sizes[0], sizes[2], sizes[3], sizes[1]}, setting.dtype);
    const Dims& s = turned.strides();
    const Tensor there = turned.as_strided(sizes, {s[0], s[3], s[1], s[2]}, 0);
    raw::copy_(there, x);
    x = there;
  }
  for (int64_t i = 0; setting.nan && i < x.numel(); i += 3) {
    raw::fill_(x.as_strided({}, {}, x.offset() + i), std::nan(""));
  }
  x.set_requires_grad(setting.input_learns);
  const Tensor target = draw.whole({4}, 0, kClasses - 1);
  const auto used = [] { return backend_of(kCpu).memory(kCpu).allocated; };
  const uint64_t before = used();
  const Tensor y = model->forward({x})[0];
  outcome.kept_bytes = used() - before;
  const Tensor loss = model->loss(y, target, x);
  autograd::BackwardProfile profile;
  autograd::backward(loss);
  const auto calls = [&](std::string_view node) {
    const auto entry = profile.entries().find(node);
    return entry == profile.entries().end() ? int64_t{0} : entry->second.calls;
  };
  outcome.chains = calls(kChainNode);
  outcome.products = calls(kProductNode);
  outcome.numbers = {y.detach(), loss.detach()};
  if (setting.input_learns) outcome.numbers.push_back(x.grad());
  for (const Tensor& parameter : model->parameters()) {
    if (parameter.grad().defined()) outcome.numbers.push_back(parameter.grad());
  }
  return outcome;
}

Outcome step(const Graph& graph, const Setting& setting, bool watched) {
  try {
    return run_step(graph, setting, watched);
  } catch (const Error& error) {
    Outcome outcome;
    outcome.error = error.text();
    return outcome;
  }
}

/// Empty: the same, bit for bit, and no more memory.
std::string compare(const Outcome& fused, const Outcome& apart) {
  if (fused.error != apart.error) return "error '" + fused.error + "' for '" + apart.error + "'";
  if (fused.numbers.size() != apart.numbers.size()) return "other gradients";
  for (size_t i = 0; i < fused.numbers.size(); ++i) {
    const std::string found = test::bit_difference(fused.numbers[i], apart.numbers[i], "number");
    if (!found.empty()) return concat("number ", i, ": ", found);
  }
  if (fused.kept_bytes > apart.kept_bytes) {
    return concat("keeps ", fused.kept_bytes, " bytes for ", apart.kept_bytes);
  }
  return {};
}

std::string drawn(const Graph& graph) {
  std::string words;
  for (const Node& node : graph.nodes) {
    words += concat(node.id, " ", node.block, "(");
    for (const Wire& wire : graph.wires) {
      if (wire.to.node == node.id) words += concat(wire.from.node, " ");
    }
    words += ") ";
  }
  return words;
}

data::Signature features() {
  return {{6}, {}, DType::Int64, kClasses};
}

}  // namespace

/// Steps that are run as one against the same steps one by one, which a hook on each makes them.
class TestFusion : public QObject {
  Q_OBJECT

 private slots:
  void anyNet() {
    test::Draw draw(test::test_seed());
    int64_t chains = 0;
    int64_t products = 0;
    int sound = 0;
    for (int round = 0; round < 400; ++round) {
      const bool image = draw.chance(0.5);
      const Graph graph = any_net(draw, image);
      Setting setting{draw.seed(),
                      image ? data::Signature{{2, 7, 6}, {}, DType::Int64, kClasses} : features()};
      constexpr DType kTypes[] = {DType::Float32, DType::Float64, DType::BFloat16, DType::Float16};
      setting.dtype = kTypes[draw.chance(0.5) ? 0 : draw.integer(0, 3)];
      if (setting.dtype == DType::Float32 && draw.chance(0.2)) setting.autocast = DType::BFloat16;
      setting.training = draw.chance(0.8);
      setting.input_learns = draw.chance(0.3);
      setting.channels_last = draw.chance(0.3);
      const Outcome fused = step(graph, setting, false);
      const Outcome apart = step(graph, setting, true);
      QVERIFY2(compare(fused, apart).empty(),
               qPrintable(text(concat(compare(fused, apart), " in ", drawn(graph), "of ",
                                      name(setting.dtype), setting.autocast ? ", autocast" : "",
                                      setting.channels_last ? ", channels last" : ""))));
      QCOMPARE(apart.chains + apart.products, int64_t{0});
      chains += fused.chains;
      products += fused.products;
      sound += fused.error.empty();
    }
    QVERIFY2(chains > 100 && products > 2 && sound > 200,
             qPrintable(
                 QString("%1 chains, %2 products, %3 sound").arg(chains).arg(products).arg(sound)));
  }

  /// The end of a residual block, also where ReLU overwrites the sum.
  void sumAndRelu() {
    for (const bool inplace : {false, true}) {
      test::Draw draw(test::test_seed());
      Drawing drawing(draw);
      const NodeId input = drawing.add("Input", {}, {});
      const NodeId a = drawing.add("Linear", args_of({{"out_features", int64_t{6}}}), {input});
      const NodeId sum = drawing.add("Add", {}, {a, input});
      const NodeId relu = drawing.add("ReLU", args_of({{"inplace", inplace}}), {sum});
      const NodeId last = drawing.add("Linear", args_of({{"out_features", kClasses}}), {relu});
      drawing.add("CrossEntropyLoss", {}, {last});
      const Setting setting{5, features()};
      const Outcome fused = step(drawing.graph, setting, false);
      QCOMPARE(text(compare(fused, step(drawing.graph, setting, true))), QString());
      QCOMPARE(fused.chains, int64_t{1});
    }
  }

  /// Where a function bends, the slope at NaN depends on the place in memory, as in PyTorch.
  void slopesOfNan() {
    test::Draw draw(test::test_seed());
    int64_t chains = 0;
    for (int round = 0; round < 60; ++round) {
      Drawing drawing(draw);
      NodeId last = drawing.add("Input", {}, {});
      for (int i = 0; i < 3; ++i) last = drawing.elementwise(last);
      last = drawing.add("Linear", args_of({{"out_features", kClasses}}), {last});
      drawing.add("CrossEntropyLoss", {}, {last});
      Setting setting{draw.seed(), {{23}, {}, DType::Int64, kClasses}};
      setting.input_learns = setting.nan = true;
      const Outcome fused = step(drawing.graph, setting, false);
      const Outcome apart = step(drawing.graph, setting, true);
      QVERIFY2(compare(fused, apart).empty(),
               qPrintable(text(concat(compare(fused, apart), " in ", drawn(drawing.graph)))));
      chains += fused.chains;
    }
    QVERIFY(chains > 10);
  }

  /// Tanh needs its result, which is written over: that is refused, as without a chain.
  void refusesToOverwriteWhatIsNeeded() {
    test::Draw draw(test::test_seed());
    Drawing drawing(draw);
    NodeId last = drawing.add("Input", {}, {});
    last = drawing.add("Linear", args_of({{"out_features", int64_t{5}}}), {last});
    last = drawing.add("SiLU", {}, {last});
    last = drawing.add("Tanh", {}, {last});
    last = drawing.add("ReLU", args_of({{"inplace", true}}), {last});
    last = drawing.add("Linear", args_of({{"out_features", kClasses}}), {last});
    drawing.add("CrossEntropyLoss", {}, {last});
    const Outcome outcome = step(drawing.graph, {5, features()}, false);
    QVERIFY2(text(outcome.error).startsWith("[Tanh] a tensor that backward needs"),
             outcome.error.c_str());
  }

  void productAndActivation() {
    for (const char* block : {"ReLU", "Tanh", "Sigmoid"}) {
      const Graph graph = test::mlp({8, 4}, kClasses, block);
      const Setting setting{5, features()};
      const Outcome fused = step(graph, setting, false);
      QCOMPARE(text(compare(fused, step(graph, setting, true))), QString());
      QCOMPARE(fused.products, int64_t{2});
    }
  }

  /// What others read, or watch, is there.
  void resultsThatOthersRead() {
    test::Draw draw(test::test_seed());
    Drawing drawing(draw);
    const NodeId input = drawing.add("Input", {}, {});
    const NodeId first = drawing.add("Linear", args_of({{"out_features", int64_t{6}}}), {input});
    const NodeId tanh = drawing.add("Tanh", {}, {first});
    const NodeId silu = drawing.add("SiLU", {}, {tanh});
    const NodeId sum = drawing.add("Add", {}, {silu, tanh});
    const NodeId last = drawing.add("Linear", args_of({{"out_features", kClasses}}), {sum});
    drawing.add("CrossEntropyLoss", {}, {last});
    const Setting setting{5, features()};
    const Outcome fused = step(drawing.graph, setting, false);
    QCOMPARE(text(compare(fused, step(drawing.graph, setting, true))), QString());
    QCOMPARE(fused.chains, int64_t{1});    // SiLU and the sum
    QCOMPARE(fused.products, int64_t{1});  // the first product and its Tanh, which both read
  }

  void aHookSeesEachBlock() {
    const auto model = build(test::mlp({8}, kClasses, "ReLU"), features());
    nn::Module& linear = *model->children()[0];
    nn::Module& relu = *model->children()[1];
    test::Draw draw(test::test_seed());
    const Tensor x = draw.numbers({4, 6}, DType::Float32);
    Tensor seen;
    auto handle = relu.register_forward_pre_hook(
        [&](nn::Module&, const Tensors& inputs) -> std::optional<Tensors> {
          seen = inputs[0];
          return {};
        });
    model->forward({x});
    QVERIFY(seen.defined());
    QCOMPARE(text(test::bit_difference(seen, linear(x), "before ReLU")), QString());
    handle.remove();
    seen = Tensor();
    model->forward({x});
    QVERIFY(!seen.defined());
  }
};

QTEST_GUILESS_MAIN(TestFusion)
#include "test_fusion.moc"
