#include "core/graph/infer.h"

#include <QElapsedTimer>
#include <QTest>
#include <algorithm>
#include <limits>

#include "core/base/random.h"
#include "tests/core/graph/graphs.h"

using namespace nw;
using namespace nw::graph;
using nw::test::text;

namespace {

QString all_problems(const Inference& inference) {
  QStringList lines;
  for (const Problem& problem : inference.problems) {
    lines << QString("node %1 port %2: %3")
                 .arg(problem.node)
                 .arg(text(problem.port), text(problem.text));
  }
  return lines.join('\n');
}

QString out(const Inference& inference, NodeId node) {
  return text(inference.nodes.at(node).outputs.at(0).text);
}

}  // namespace

class TestInfer : public QObject {
  Q_OBJECT

 private slots:
  void knowsLeNet() {
    const Inference inference = infer(test::lenet(), test::images());
    QVERIFY2(inference.problems.empty(), qPrintable(all_problems(inference)));
    QVERIFY(inference.ok());
    const char* shapes[] = {"N×1×28×28",  "N×6×28×28", "N×6×28×28", "N×6×14×14", "N×16×10×10",
                            "N×16×10×10", "N×16×5×5",  "N×400",     "N×120",     "N×120",
                            "N×84",       "N×84",      "N×10"};
    for (NodeId id = 1; id <= 13; ++id) QCOMPARE(out(inference, id), QString(shapes[id - 1]));
    QCOMPARE(text(inference.nodes.at(1).outputs.at(1).text), QString("N int64"));
    QVERIFY(inference.nodes.at(4).outputs.at(0).sizes == (Dims{1, 6, 14, 14}));

    // torch.nn.Sequential counts the layers from 0; the Input and the loss are none.
    const char* keys[] = {"", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", ""};
    for (NodeId id = 1; id <= 14; ++id) {
      QCOMPARE(text(inference.nodes.at(id).key), QString(keys[id - 1]));
    }
    QCOMPARE(inference.nodes.at(2).args.integer("in_channels"), int64_t{1});
    QCOMPARE(inference.nodes.at(9).args.integer("in_features"), int64_t{400});
    QCOMPARE(text(inference.nodes.at(9).caption), QString("400 → 120"));
  }

  void countsWhatLeNetCosts() {
    const Inference inference = infer(test::lenet(), test::images());
    const int64_t conv1 = 6 * 25 + 6;
    const int64_t conv2 = 16 * 6 * 25 + 16;
    QCOMPARE(inference.nodes.at(2).parameters, conv1);
    QCOMPARE(inference.nodes.at(5).parameters, conv2);
    QCOMPARE(inference.parameters, conv1 + conv2 + 400 * 120 + 120 + 120 * 84 + 84 + 84 * 10 + 10);
    QCOMPARE(inference.nodes.at(2).multiply_adds, int64_t{28 * 28 * 6 * 25});
    QCOMPARE(inference.multiply_adds,
             int64_t{28 * 28 * 6 * 25 + 10 * 10 * 16 * 6 * 25 + 400 * 120 + 120 * 84 + 84 * 10});
    QCOMPARE(inference.nodes.at(4).activation_bytes, int64_t{6 * 14 * 14 * 4});
  }

  void namesAreKeysAndKeepTheirPlace() {
    Graph graph = test::lenet();
    graph.find(2)->name = "conv1";
    graph.find(9)->name = "fc1";
    graph.find(1)->name = "any name for the data";
    const Inference inference = infer(graph, test::images());
    QVERIFY2(inference.problems.empty(), qPrintable(all_problems(inference)));
    QCOMPARE(text(inference.nodes.at(2).key), QString("conv1"));
    QCOMPARE(text(inference.nodes.at(3).key), QString("1"));
    QCOMPARE(text(inference.nodes.at(9).key), QString("fc1"));
    QCOMPARE(text(inference.nodes.at(11).key), QString("9"));
  }

  void writesBatchesThatWereMerged() {
    test::Chain chain;
    chain.add("Input");
    chain.add("Flatten", {{"start_dim", int64_t{0}}, {"end_dim", int64_t{1}}});
    const Inference inference = infer(chain.graph, {{2, 3}, {}, DType::Int64, 2});
    QCOMPARE(out(inference, 2), QString("2N×3"));
  }

  void drawsNothingAndAllocatesNothing() {
    const Generator before = default_generator();
    test::Chain chain;
    chain.add("Input");
    chain.add("Dropout");
    chain.add("Linear", {{"out_features", int64_t{1000000}}});
    chain.add("Linear", {{"out_features", int64_t{1000000}}});
    chain.add("Linear", {{"out_features", int64_t{2}}});
    chain.add("CrossEntropyLoss");
    const Inference inference = infer(chain.graph, {{1000000}, {}, DType::Int64, 2});
    QVERIFY2(inference.ok(), qPrintable(all_problems(inference)));
    QVERIFY(inference.parameters > int64_t{2000000000000});
    QVERIFY(default_generator() == before);
  }

  void takesTimeInProportionToTheDrawing() {
    const auto fastest_ms = [](int layers) {
      test::Chain chain;
      chain.add("Input");
      for (int i = 0; i < layers; ++i) {
        chain.add("Linear", {{"out_features", int64_t{64}}});
        chain.add("ReLU");
      }
      chain.add("CrossEntropyLoss");
      double fastest = std::numeric_limits<double>::infinity();
      for (int i = 0; i < 5; ++i) {
        QElapsedTimer timer;
        timer.start();
        const Inference inference = infer(chain.graph, {{64}, {}, DType::Int64, 64});
        fastest = std::min(fastest, static_cast<double>(timer.nsecsElapsed()) / 1e6);
        if (!inference.ok()) return std::numeric_limits<double>::quiet_NaN();
      }
      return fastest;
    };
    const double small_ms = fastest_ms(50);
    const double large_ms = fastest_ms(500);
    qInfo("infer: 100 blocks %.2f ms, 1000 blocks %.2f ms", small_ms, large_ms);
    QVERIFY(large_ms < 40 * small_ms);  // ten times the blocks; a hundredfold if it were quadratic
  }

  void anAutoencoderNeedsNoTarget() {
    test::Chain chain;
    const NodeId input = chain.add("Input");
    chain.add("Linear", {{"out_features", int64_t{4}}});
    chain.add("Linear", {{"out_features", int64_t{2}}});
    const NodeId loss = chain.add("MSELoss");
    chain.graph.wires.push_back({{input, "output"}, {loss, "target"}});
    const Inference inference = infer(chain.graph, {{2}, {}, DType::Int64, 3});
    QVERIFY2(inference.problems.empty(), qPrintable(all_problems(inference)));
  }

  void readsTheProjectsData() {
    Project project;
    project.graph = test::mlp({8}, 2);
    project.run.data = {"xor", {}};
    const Inference inference = infer(project);
    QVERIFY2(inference.ok(), qPrintable(all_problems(inference)));
    QCOMPARE(out(inference, 1), QString("N×2"));
  }
};

QTEST_GUILESS_MAIN(TestInfer)
#include "test_infer.moc"
