#include <QTest>

#include "core/autograd/engine.h"
#include "core/base/random.h"
#include "core/codegen/python_code.h"
#include "core/graph/infer.h"
#include "core/graph/model.h"
#include "tests/core/graph/graphs.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::graph;
using nw::test::text;

namespace {

/// Sequences of 7 steps with 5 features, in 3 classes.
data::Signature sequences() {
  return {{7, 5}, {}, DType::Int64, 3};
}

/// Input 1, LSTM 2, Select 3, Linear 4, CrossEntropyLoss 5. Select takes from `port` of the LSTM.
Graph reader(const char* port, nn::Args lstm, nn::Args select) {
  test::Chain chain;
  chain.add("Input");
  lstm.set("hidden_size", int64_t{6});
  chain.add("LSTM", std::move(lstm), "lstm");
  chain.add("Select", std::move(select));
  chain.graph.wires.back().from.port = port;
  chain.add("Linear", {{"out_features", int64_t{3}}}, "fc");
  chain.add("CrossEntropyLoss");
  return chain.graph;
}

QString out(const Inference& inference, NodeId node, size_t port = 0) {
  return text(inference.nodes.at(node).outputs.at(port).text);
}

}  // namespace

/// Blocks with several outputs and optional inputs in a drawing: a network that reads sequences.
class TestRecurrentGraph : public QObject {
  Q_OBJECT

 private slots:
  void knowsAllOutputs() {
    const Graph graph = reader("output", {{"batch_first", true}, {"bidirectional", true}}, {});
    const Inference inference = infer(graph, sequences());
    QVERIFY2(inference.problems.empty(),
             inference.problems.empty() ? "" : inference.problems[0].text.c_str());
    QCOMPARE(out(inference, 2), QString("N×7×12"));
    QCOMPARE(out(inference, 2, 1), QString("2×N×6"));
    QCOMPARE(out(inference, 2, 2), QString("2×N×6"));
    QCOMPARE(out(inference, 3), QString("N×12"));
    QCOMPARE(text(inference.nodes.at(2).caption), QString("5 → 12 · both ways"));
    QCOMPARE(inference.nodes.at(2).parameters, int64_t{2 * 4 * 6 * (5 + 6 + 2)});
    QCOMPARE(inference.nodes.at(2).multiply_adds, int64_t{7 * 2 * 4 * 6 * (5 + 6)});
  }

  void learnsAsPyTorch_data() {
    QTest::addColumn<QString>("port");
    QTest::addColumn<bool>("both_ways");
    QTest::newRow("last step") << "output" << false;
    QTest::newRow("last state") << "h_n" << true;
  }
  void learnsAsPyTorch() {
    QFETCH(QString, port);
    QFETCH(bool, both_ways);
    test::Oracle oracle;
    QVERIFY2(oracle.problem().empty(), oracle.problem().c_str());
    test::Draw draw(test::test_seed());
    const Tensor x = draw.numbers({4, 7, 5}, DType::Float32);
    const Tensor t = draw.whole({4}, 0, 2);
    const std::string code = concat(
        "torch.manual_seed(5)\n"
        "lstm = nn.LSTM(5, 6, batch_first=True, bidirectional=",
        both_ways ? "True" : "False", ")\nfc = nn.Linear(6, 3)\n",
        "output, (h_n, c_n) = lstm(x)\n"
        "y = fc(",
        both_ways ? "h_n[0]" : "output[:, -1]",
        ")\nloss = F.cross_entropy(y, t)\nloss.backward()\n"
        "keys = ' '.join(nn.ModuleDict({'lstm': lstm, 'fc': fc}).state_dict())\n"
        "grad = lstm.weight_hh_l0.grad\n");
    const auto reply = oracle.run(code, {{"x", x}, {"t", t}}, {"keys", "y", "loss", "grad"});
    QVERIFY2(reply.ok(), reply.error.c_str());

    const nn::Args select = both_ways ? nn::Args{{"dim", int64_t{0}}, {"index", int64_t{0}}}
                                      : nn::Args{{"dim", int64_t{1}}, {"index", int64_t{-1}}};
    const Graph graph = reader(port.toUtf8().constData(),
                               {{"batch_first", true}, {"bidirectional", both_ways}}, select);
    manual_seed(5);
    const auto model = build(graph, sequences());
    std::string keys;
    for (const auto& entry : model->state_dict().entries) {
      keys += (keys.empty() ? "" : " ") + entry.key;
    }
    QCOMPARE(text(keys), text(reply.texts.at("keys")));
    const Tensor y = model->forward({x})[0];
    QCOMPARE(text(test::difference(y, reply["y"], "prediction")), QString());
    // So does the code that is written of the drawing.
    const std::string written = codegen::python_code(graph, sequences());
    const auto own =
        oracle.run("torch.manual_seed(5)\n" + written + "\ny = model(x)\n", {{"x", x}}, {"y"});
    QVERIFY2(own.ok(), (own.error + "\n" + written).c_str());
    QCOMPARE(text(test::difference(y, own["y"], written)), QString());
    const Tensor loss = model->loss(y, t, x);
    QCOMPARE(text(test::difference(loss, reply["loss"], "loss")), QString());
    autograd::backward(loss);
    for (const auto& [name, parameter] : model->named_parameters()) {
      if (name != "lstm.weight_hh_l0") continue;
      QCOMPARE(text(test::difference(parameter.grad(), reply["grad"], "gradient")), QString());
    }
  }

  /// Without batch_first the layer would go along the samples of a batch as if they were steps.
  void warnsOfTimeInPlaceOfTheBatch() {
    const Inference inference = infer(reader("output", {}, {}), sequences());
    QCOMPARE(inference.problems.size(), size_t{1});
    const Problem& problem = inference.problems[0];
    QCOMPARE(problem.severity, Severity::Warning);
    QCOMPARE(problem.node, NodeId{2});
    QVERIFY2(problem.text.find("batch_first") != problem.text.npos, problem.text.c_str());
    QCOMPARE(problem.fixes.size(), size_t{1});
    QCOMPARE(text(problem.fixes[0].param), QString("batch_first"));
    QVERIFY(problem.fixes[0].value == nn::Value(true));
  }

  void refusesLengthsThatAreNone() {
    Graph graph = reader("output", {{"batch_first", true}}, {});
    graph.wires.push_back({{1, "output"}, {2, "lengths"}});
    const Inference inference = infer(graph, sequences());
    QVERIFY(!inference.ok());
    QVERIFY2(inference.problems[0].text.starts_with("[LSTM] expects lengths as int64 N"),
             inference.problems[0].text.c_str());
  }
};

QTEST_GUILESS_MAIN(TestRecurrentGraph)
#include "test_recurrent_graph.moc"
