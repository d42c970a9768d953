#include <QTest>
#include <algorithm>

#include "core/graph/infer.h"
#include "tests/core/graph/graphs.h"

using namespace nw;
using namespace nw::graph;
using nw::test::text;

namespace {

/// A problem in one line: "E 9 input: [Linear] expects …".
QString line_of(const Problem& problem) {
  const char severity = problem.severity == Severity::Error     ? 'E'
                        : problem.severity == Severity::Warning ? 'W'
                                                                : 'I';
  return QString("%1 %2 %3: %4")
      .arg(QChar(severity))
      .arg(problem.node)
      .arg(text(problem.port), text(problem.text));
}

QStringList lines_of(const Inference& inference) {
  QStringList lines;
  for (const Problem& problem : inference.problems) lines << line_of(problem);
  lines.sort();
  return lines;
}

/// Fixes in one line: "9 in_features=576 Set in_features to 576".
QStringList fixes_of(const Inference& inference) {
  QStringList lines;
  for (const Problem& problem : inference.problems) {
    for (const Fix& fix : problem.fixes) {
      lines << QString("%1 %2=%3 %4")
                   .arg(fix.node)
                   .arg(text(fix.param), text(nn::to_python(fix.value)), text(fix.text));
    }
  }
  return lines;
}

/// Does what a click on a fix does.
void apply(const Fix& fix, Graph& graph) {
  graph.find(fix.node)->args.set(fix.param, fix.value);
}

void compare(const Inference& inference, QStringList expected) {
  expected.sort();
  QCOMPARE(lines_of(inference).join('\n'), expected.join('\n'));
}

}  // namespace

class TestInferProblems : public QObject {
  Q_OBJECT

 private slots:
  void outputsThatAreSwitchedOffBringNothing() {
    test::Chain chain;
    chain.add("Input");
    const NodeId pool = chain.add("MaxPool2d", {{"kernel_size", int64_t{2}}});
    const NodeId unpool = chain.add("MaxUnpool2d", {{"kernel_size", int64_t{2}}});
    chain.add("Flatten");
    chain.add("Linear", {{"out_features", int64_t{10}}});
    chain.add("CrossEntropyLoss");
    chain.graph.wires.push_back({{pool, "indices"}, {unpool, "indices"}});
    const Inference inference = infer(chain.graph, test::images());
    compare(inference, {"E 3 indices: [MaxPool2d] gives no indices with these arguments; "
                        "return_indices must be True"});
    QCOMPARE(fixes_of(inference), QStringList{"2 return_indices=True Set return_indices to True"});
    apply(inference.problems[0].fixes[0], chain.graph);
    const Inference mended = infer(chain.graph, test::images());
    compare(mended, {});
    QCOMPARE(mended.nodes.at(unpool).outputs[0].text, std::string("N×1×28×28"));
  }

  void linearTellsTheArithmetic() {
    Graph graph = test::lenet();
    graph.find(2)->args.set("padding", int64_t{4});  // 16×7×7 instead of 16×5×5
    graph.find(9)->args.set("in_features", int64_t{400});
    Inference inference = infer(graph, test::images());
    compare(inference, {"E 9 input: [Linear] expects 400 features on the last dimension, gets 576 "
                        "(16×6×6)"});
    QVERIFY(!inference.ok());
    QVERIFY(!inference.nodes.at(9).outputs.at(0).known);
    QVERIFY(!inference.nodes.at(13).outputs.at(0).known);
    QCOMPARE(fixes_of(inference),
             (QStringList{"9 in_features=576 Set in_features to 576",
                          "9 in_features=None Take in_features from the wire"}));
    for (const Fix& fix : inference.problems[0].fixes) {
      Graph mended = graph;
      apply(fix, mended);
      QVERIFY(infer(mended, test::images()).ok());
    }
  }

  void theArithmeticIsCarriedOn() {
    test::Chain chain;
    chain.add("Input");
    chain.add("Flatten");
    chain.add("ReLU");
    chain.add("Dropout");
    chain.add("Linear", {{"in_features", int64_t{10}}});
    compare(infer(chain.graph, {{3, 4, 5}, {}, DType::Int64, 10}),
            {"E 0 : [graph] has no loss; add one behind the last layer, such as CrossEntropyLoss, "
             "so that there is something to learn",
             "E 5 input: [Linear] expects 10 features on the last dimension, gets 60 (3×4×5)"});
  }

  void theArithmeticEndsAtNewNumbers() {
    test::Chain chain;
    chain.add("Input");
    chain.add("Flatten");
    chain.add("Linear", {{"out_features", int64_t{60}}});  // as many, but others
    chain.add("Linear", {{"in_features", int64_t{10}}});
    chain.add("CrossEntropyLoss");
    compare(infer(chain.graph, {{3, 4, 5}, {}, DType::Int64, 10}),
            {"E 4 input: [Linear] expects 10 features on the last dimension, gets 60 (N×60)"});
  }

  void convolutionsShowTheShape() {
    Graph graph = test::lenet();
    graph.find(2)->args.set("in_channels", int64_t{3});
    const Inference inference = infer(graph, test::images());
    QCOMPARE(inference.problems.size(), size_t{1});
    const QString line = line_of(inference.problems[0]);
    QVERIFY2(line.startsWith("E 2 input: [Conv2d] expects 3 "), qPrintable(line));
    QVERIFY2(line.contains("N×1×28×28"), qPrintable(line));
    QVERIFY2(fixes_of(inference).contains("2 in_channels=1 Set in_channels to 1"),
             qPrintable(fixes_of(inference).join('\n')));
  }

  void noTextHoldsTheBatchThatInferenceUses() {
    Graph graph = test::lenet();
    graph.find(2)->args.set("kernel_size", int64_t{99});
    std::swap(graph.find(5)->block, graph.find(8)->block);  // Flatten in front of a Conv2d
    for (NodeId id : {5, 8}) graph.find(id)->args = {};
    const Inference first = infer(graph, test::images());
    graph.find(2)->args.set("kernel_size", int64_t{5});
    const Inference second = infer(graph, test::images());
    for (const Inference* inference : {&first, &second}) {
      QCOMPARE(inference->problems.size(), size_t{1});
      const QString line = line_of(inference->problems[0]);
      QVERIFY2(!line.contains("655"), qPrintable(line));
      qInfo("%s", qPrintable(line));
    }
  }

  void unconnectedInput() {
    Graph graph = test::lenet();
    std::erase(graph.wires, Wire{{8, "output"}, {9, "input"}});
    compare(infer(graph, test::images()),
            {"E 9 input: [Linear] input is not connected; draw a wire to it"});
  }

  void circle() {
    Graph graph = test::lenet();
    graph.find(3)->name = "act";
    graph.wires[1].from = {4, "output"};  // 3 takes from 4 instead of 2
    const QStringList lines = lines_of(infer(graph, test::images()));
    QVERIFY2(lines.contains("E 3 : [ReLU] is on a circle of wires, and numbers can only flow "
                            "forward; remove one wire of act (ReLU) → MaxPool2d → act (ReLU)"),
             qPrintable(lines.join('\n')));
    QVERIFY2(lines.contains("E 4 : [MaxPool2d] is on a circle of wires, and numbers can only flow "
                            "forward; remove one wire of MaxPool2d → act (ReLU) → MaxPool2d"),
             qPrintable(lines.join('\n')));
    QCOMPARE(lines.size(), 2);
  }

  void noInput() {
    Graph graph = test::lenet();
    graph.nodes.erase(graph.nodes.begin());
    graph.wires.erase(graph.wires.begin());
    compare(infer(graph, test::images()),
            {"E 0 : [graph] has no Input; add one in front of the first layer, so that the data "
             "set can flow in",
             "E 2 input: [Conv2d] input is not connected; draw a wire to it"});
  }

  void twoInputsAndTwoLosses() {
    Graph graph = test::lenet();
    graph.nodes.push_back({.id = 20, .block = "Input"});
    graph.nodes.push_back({.id = 21, .block = "MSELoss"});
    compare(infer(graph, test::images()),
            {"E 20 : [Input] is the second Input; a graph has one. Remove one of them",
             "E 21 : [MSELoss] is the second loss; a graph has one. Remove one of them"});
  }

  void noLoss() {
    Graph graph = test::lenet();
    graph.nodes.pop_back();
    graph.wires.pop_back();
    const Inference inference = infer(graph, test::images());
    compare(inference,
            {"E 0 : [graph] has no loss; add one behind the last layer, such as CrossEntropyLoss, "
             "so that there is something to learn"});
    QCOMPARE(text(inference.nodes.at(13).outputs.at(0).text), QString("N×10"));
  }

  void emptyGraph() { QCOMPARE(infer({}, test::images()).problems.size(), size_t{2}); }

  void unknownBlock() {
    Graph graph = test::lenet();
    graph.find(6)->block = "Mystery";
    const Inference inference = infer(graph, test::images());
    compare(inference, {"E 6 : [Mystery] is a block that this program does not know; it is kept as "
                        "it is. Replace it, or open the project with a newer Netwright"});
    QCOMPARE(text(inference.nodes.at(6).key), QString("4"));
    QCOMPARE(text(inference.nodes.at(5).outputs.at(0).text), QString("N×16×10×10"));
  }

  void aSecondReaderOfWhatIsOverwrittenIsWarnedOf() {
    // Input 1, Linear 2, ReLU 3, Linear 4, loss 5, Add 6
    Graph graph = nw::test::mlp({8}, 10, "ReLU");
    graph.nodes.insert(graph.nodes.begin() + 1, Node{.id = 7, .block = "Flatten"});
    graph.wires[0] = {{1, "output"}, {7, "input"}};
    graph.wires.push_back({{7, "output"}, {2, "input"}});
    graph.find(3)->args.set("inplace", true);
    compare(infer(graph, nw::test::images()), {});
    graph.nodes.push_back(Node{.id = 6, .block = "Add"});
    for (Wire& wire : graph.wires) {
      if (wire.to.node == 4) wire.from.node = 6;
    }
    graph.wires.push_back({{3, "output"}, {6, "input"}});
    graph.wires.push_back({{2, "output"}, {6, "other"}});
    const Inference inference = infer(graph, nw::test::images());
    compare(inference, {"W 3 input: [ReLU] overwrites the output of Linear, which Add reads, too; "
                        "set inplace off"});
    QCOMPARE(fixes_of(inference).join('\n'), QString("3 inplace=False Set inplace to False"));
  }

  void looseEndsAreWarnings() {
    Graph graph = test::lenet();
    graph.nodes.push_back({.id = 20, .block = "ReLU"});
    graph.nodes.push_back({.id = 21, .block = "Linear", .args = {{"in_features", int64_t{3}}}});
    graph.wires.push_back({{4, "output"}, {20, "input"}});
    graph.wires.push_back({{20, "output"}, {21, "input"}});
    graph.nodes.push_back({.id = 22, .block = "Tanh"});  // no wire at all
    const Inference inference = infer(graph, test::images());
    compare(inference,
            {"W 21 : [Linear] does not lead to the loss; it takes no part in the training. Connect "
             "or remove it",
             "W 21 input: [Linear] expects 3 features on the last dimension, gets 14 (of 6×14×14)",
             "W 22 : [Tanh] does not lead to the loss; it takes no part in the training. Connect "
             "or remove it"});
    QVERIFY(inference.ok());
    QCOMPARE(text(inference.nodes.at(13).key), QString("11"));
    QCOMPARE(text(inference.nodes.at(20).key), QString());
  }

  void badArguments() {
    Graph graph = test::lenet();
    graph.find(5)->args.set("stride", int64_t{0});
    graph.find(5)->args.set("colour", int64_t{0});
    const Inference inference = infer(graph, test::images());
    QCOMPARE(inference.problems.size(), size_t{2});
    const QStringList lines = lines_of(inference);
    QVERIFY2(lines[0].startsWith("E 5 : [Conv2d] has no parameter 'colour'"), qPrintable(lines[0]));
    QCOMPARE(lines[1], QString("E 5 : [Conv2d] stride must be at least 1, is 0"));
  }

  void names() {
    Graph graph = test::lenet();
    graph.find(2)->name = "two words";
    graph.find(3)->name = "same";
    graph.find(4)->name = "same";
    graph.find(5)->name = "train";
    graph.find(6)->name = "11";  // the position of the last Linear
    graph.find(7)->name = "5";   // its own position: fine
    graph.find(8)->name = "a..b";
    graph.find(9)->name = "first";
    graph.find(10)->name = "first.second";
    compare(infer(graph, test::images()),
            {"E 2 : [Conv2d] the name \"two words\" must consist of letters, digits and _, and "
             "begin with no digit",
             "E 4 : [MaxPool2d] the name \"same\" is taken by another layer; choose another",
             "E 5 : [Conv2d] the name \"train\" is used by PyTorch's nn.Module itself; choose "
             "another",
             "E 6 : [ReLU] the name \"11\" is the position of an unnamed layer too; choose another "
             "name",
             "E 8 : [Flatten] the name \"a..b\" must consist of letters, digits and _, and begin "
             "with no digit",
             "E 9 : [Linear] the name \"first\" is the group of \"first.second\"; choose another "
             "name"});
  }

  void softmaxBeforeCrossEntropy() {
    test::Chain chain;
    chain.add("Input");
    chain.add("Linear", {{"out_features", int64_t{10}}});
    chain.add("Softmax", {{"dim", int64_t{1}}});
    chain.add("CrossEntropyLoss");
    const Inference inference = infer(chain.graph, {{4}, {}, DType::Int64, 10});
    QVERIFY(inference.ok());
    compare(inference, {"W 3 : [Softmax] stands in front of CrossEntropyLoss, which applies it "
                        "itself; twice makes learning slow. Remove it"});
  }

  void tooFewClasses() {
    Graph graph = test::lenet();
    graph.find(13)->args.set("out_features", int64_t{8});
    graph.find(13)->name = "last";
    graph.nodes.push_back({.id = 20, .block = "Dropout"});
    graph.wires.back().from = {20, "output"};
    graph.wires.push_back({{13, "output"}, {20, "input"}});
    Inference inference = infer(graph, test::images());
    compare(inference, {"E 14 input: [CrossEntropyLoss] gets 8 classes, the data set has 10"});
    QCOMPARE(fixes_of(inference),
             (QStringList{"13 out_features=10 Set out_features to 10 in last (Linear)"}));
    apply(inference.problems[0].fixes[0], graph);
    QVERIFY(infer(graph, test::images()).problems.empty());
  }

  void tooManyClasses() {
    Graph graph = test::lenet();
    graph.find(13)->args.set("out_features", int64_t{12});
    const Inference inference = infer(graph, test::images());
    QVERIFY(inference.ok());
    compare(inference, {"W 14 input: [CrossEntropyLoss] gets 12 classes, the data set has 10; the "
                        "others will never be right"});
  }

  void targetsThatDoNotFit() {
    test::Chain chain;
    chain.add("Input");
    chain.add("Linear", {{"out_features", int64_t{3}}});
    chain.add("MSELoss");
    // A class where a number is needed; a number of another size; and what fits.
    const Inference classes = infer(chain.graph, {{4}, {}, DType::Int64, 3});
    const Inference sizes = infer(chain.graph, {{4}, {1}, DType::Float32, 0});
    const Inference fits = infer(chain.graph, {{4}, {3}, DType::Float32, 0});
    QVERIFY(fits.problems.empty());
    QVERIFY2(lines_of(classes)[0].contains("input is N×3, target is N int64"),
             qPrintable(lines_of(classes)[0]));
    compare(sizes, {"E 3 input: [MSELoss] expects an answer of the target's sizes N×1, gets N×3"});
    QCOMPARE(fixes_of(sizes), (QStringList{"2 out_features=1 Set out_features to 1 in Linear"}));
    apply(sizes.problems[0].fixes[0], chain.graph);
    QVERIFY(infer(chain.graph, {{4}, {1}, DType::Float32, 0}).ok());
  }

  void lossesThatAreNotOneNumber() {
    Graph graph = test::lenet();
    graph.find(14)->args.set("reduction", std::string("none"));
    const Inference inference = infer(graph, test::images());
    compare(inference, {"E 14 : [CrossEntropyLoss] gives N losses, training needs one number; let "
                        "it average them"});
    QCOMPARE(fixes_of(inference), (QStringList{"14 reduction='mean' Set reduction to 'mean'"}));
  }

  void nothingToLearn() {
    test::Chain chain;
    chain.add("Input");
    chain.add("ReLU");
    chain.add("CrossEntropyLoss");
    const Inference inference = infer(chain.graph, {{3}, {}, DType::Int64, 3});
    compare(inference, {"E 3 : [graph] has no layer with parameters, so there is nothing to learn; "
                        "add one, such as Linear"});
  }

  void dataThatIsMissing() {
    const Inference inference = infer(test::lenet(), {}, "[FashionMNIST] /no/file is not there");
    compare(inference, {"E 1 : [FashionMNIST] /no/file is not there"});
    QCOMPARE(text(inference.nodes.at(9).key), QString("7"));
    QCOMPARE(text(inference.nodes.at(9).caption), QString("→ 120"));
    QVERIFY(!infer(test::lenet(), {}).ok());

    Project project;
    project.run.data.id = "Nonsense";
    const QStringList lines = lines_of(infer(project));
    QVERIFY(!lines.isEmpty());
  }

  void targetsFeedLossesOnly() {
    Graph graph = test::lenet();
    graph.wires[0].from.port = "target";
    compare(infer(graph, test::images()),
            {"E 2 input: [Conv2d] cannot take the data set's target; only a loss can"});
    graph = test::lenet();
    graph.wires.push_back({{1, "target"}, {14, "target"}});
    QVERIFY(infer(graph, test::images()).problems.empty());
  }

  void wiresThatLeadNowhere() {
    Graph graph = test::lenet();
    graph.wires.push_back({{4, "exit"}, {5, "input"}});
    graph.wires.push_back({{4, "output"}, {5, "entry"}});
    graph.wires.push_back({{4, "output"}, {6, "input"}});
    graph.wires.push_back({{77, "output"}, {7, "input"}});
    compare(infer(graph, test::images()),
            {"E 4 exit: [MaxPool2d] has no output \"exit\"; remove the wire",
             "E 5 entry: [Conv2d] has no input \"entry\"; remove the wire",
             "E 6 input: [ReLU] input takes one wire, gets two; remove one of them",
             "E 7 : [graph] a wire has no node at one of its ends; remove it"});
  }
};

QTEST_GUILESS_MAIN(TestInferProblems)
#include "test_infer_problems.moc"
