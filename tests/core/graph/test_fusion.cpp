#include "tests/core/graph/fusion_case.h"

#include <QTest>

#include "tests/core/graph/graphs.h"

using namespace nw;
using namespace nw::graph;
using namespace nw::test::fusion;
using nw::test::text;

/// Steps that are run as one against the same steps one by one, which a hook on each makes them.
class TestFusion : public QObject {
  Q_OBJECT

 private slots:
  void anyNet() {
    test::Draw draw(test::test_seed());
    Tally tally;
    for (int round = 0; round < 400; ++round) {
      tally.add_any(draw, kCpu);
      QVERIFY2(tally.problem.empty(), tally.problem.c_str());
    }
    QVERIFY2(tally.chains > 100 && tally.products > 2 && tally.sound > 200,
             qPrintable(QString("%1 chains, %2 products, %3 sound")
                            .arg(tally.chains)
                            .arg(tally.products)
                            .arg(tally.sound)));
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
    Tally tally;
    for (int round = 0; round < 60; ++round) {
      Drawing drawing(draw);
      NodeId last = drawing.add("Input", {}, {});
      for (int i = 0; i < 3; ++i) last = drawing.elementwise(last);
      last = drawing.add("Linear", args_of({{"out_features", kClasses}}), {last});
      drawing.add("CrossEntropyLoss", {}, {last});
      Setting setting{draw.seed(), {{23}, {}, DType::Int64, kClasses}};
      setting.input_learns = setting.nan = true;
      tally.add(drawing.graph, setting);
      QVERIFY2(tally.problem.empty(), tally.problem.c_str());
    }
    QVERIFY(tally.chains > 10);
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
