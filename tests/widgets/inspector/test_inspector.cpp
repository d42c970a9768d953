#include <QCheckBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>

#include "core/base/random.h"
#include "core/graph/infer.h"
#include "tests/widgets/screenshots.h"
#include "widgets/controls/value_field.h"
#include "widgets/inspector/block_facts.h"
#include "widgets/inspector/inspector.h"

using namespace nw;
using namespace nw::widgets;

namespace {

/// Input -> Conv2d -> Flatten -> Linear(in_features=400) -> CrossEntropyLoss: the Linear is wrong.
graph::Graph brokenGraph() {
  graph::Graph g;
  const char* blocks[] = {"Input", "Conv2d", "Flatten", "Linear", "CrossEntropyLoss"};
  for (const char* block : blocks) {
    graph::Node node;
    node.id = g.next_id();
    node.block = block;
    g.nodes.push_back(node);
    if (node.id > 1) {
      g.wires.push_back(
          {{node.id - 1, nn::blocks().find(g.find(node.id - 1)->block)->outputs[0].name},
           {node.id, nn::blocks().find(block)->inputs[0].name}});
    }
  }
  g.find(2)->args.set("out_channels", int64_t{6});
  g.find(2)->args.set("kernel_size", int64_t{5});
  g.find(2)->name = "conv1";
  g.find(4)->args.set("in_features", int64_t{400});
  g.find(4)->args.set("out_features", int64_t{10});
  return g;
}

const data::Signature kImages{{1, 28, 28}, {}, DType::Int64, 10};

struct Fixture {
  graph::Graph graph = brokenGraph();
  graph::Inference inference = graph::infer(graph, kImages);
  Inspector inspector;

  Fixture() {
    inspector.resize(320, 900);
    inspector.show();
    QApplication::setActiveWindow(&inspector);
  }
  void show(graph::NodeId id, const QStringList& inputs = {}) {
    inference = graph::infer(graph, kImages);
    QVector<graph::Problem> problems;
    for (const graph::Problem& problem : inference.problems) {
      if (problem.node == id) problems.append(problem);
    }
    const graph::Node& node = *graph.find(id);
    inspector.showNode(node, nn::blocks().find(node.block), inference.nodes[id], problems, inputs);
  }
  bool says(const QString& text) const {
    for (QLabel* label : inspector.findChildren<QLabel*>()) {
      if (label->isVisible() && label->text().contains(text)) return true;
    }
    return false;
  }
  template <typename W>
  W* named(const char* name) const {
    return inspector.findChild<W*>(name);
  }
};

}  // namespace

class TestInspector : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { applyTheme(*qApp, ThemeKind::Light); }

  void showsTheBlock() {
    Fixture f;
    f.show(2, {"N×1×28×28"});
    QCOMPARE(f.inspector.node(), graph::NodeId{2});
    QCOMPARE(f.named<QLineEdit>("nodeName")->text(), "conv1");
    QVERIFY(f.says("nn.Conv2d"));
    QVERIFY(f.says(QString::fromStdString(nn::blocks().find("Conv2d")->summary)));
    QVERIFY(f.says("N×1×28×28"));
    QVERIFY(f.says("N×6×24×24"));
    QVERIFY(f.says("156"));
    QVERIFY(f.says("weight 6×1×5×5 + bias 6"));
    auto* channels = f.named<ValueField>("in_channels");
    QVERIFY(channels->findChild<QLineEdit*>()->placeholderText().startsWith("1 "));
    f.show(3);
    QCOMPARE(f.named<QLineEdit>("nodeName")->text(), QString());
    QCOMPARE(f.named<QLineEdit>("nodeName")->placeholderText(),
             QString::fromStdString(f.inference.nodes[3].key));
    QVERIFY(!f.named<ValueField>("in_channels"));
  }

  void editsNameTheNode() {
    Fixture f;
    QSignalSpy args(&f.inspector, &Inspector::argChanged);
    QSignalSpy names(&f.inspector, &Inspector::nameChanged);
    f.show(2);
    auto* out = f.named<ValueField>("out_channels");
    out->setFocus();
    out->selectAll();
    QTest::keyClicks(out, "8");
    QCOMPARE(args.count(), 1);
    QCOMPARE(args[0][0].value<graph::NodeId>(), graph::NodeId{2});
    QCOMPARE(args[0][1].toString(), "out_channels");
    QCOMPARE(args[0][2].value<nn::Value>(), nn::Value(int64_t{8}));

    auto* name = f.named<QLineEdit>("nodeName");
    name->setFocus();
    name->selectAll();
    QTest::keyClicks(name, "features.0");
    QTest::keyClick(name, Qt::Key_Return);
    QCOMPARE(names.count(), 0);  // dots part the keys of a state_dict
    QVERIFY(f.says("no dots"));
    name->selectAll();
    QTest::keyClicks(name, "first");
    QCOMPARE(names.count(), 0);  // counts when it is complete
    QTest::keyClick(name, Qt::Key_Return);
    QCOMPARE(names.count(), 1);
    QCOMPARE(names[0][1].toString(), "first");
  }

  void halfTypedTextDoesNotMoveToTheNextBlock() {
    Fixture f;
    QSignalSpy args(&f.inspector, &Inspector::argChanged);
    f.show(2);
    auto* kernel = f.named<ValueField>("kernel_size");
    kernel->setFocus();
    QTest::keyClicks(kernel, ",");  // not a value yet
    args.clear();
    f.show(4);
    QTest::qWait(20);
    QCOMPARE(args.count(), 0);
    QVERIFY(f.named<ValueField>("out_features"));
    f.show(2);
    QCOMPARE(f.named<ValueField>("kernel_size")->findChild<QLineEdit*>()->text(), "5");
  }

  void problemsOfferTheirFixes() {
    Fixture f;
    QSignalSpy fixes(&f.inspector, &Inspector::fixRequested);
    f.show(4);
    QVERIFY(f.says("3456"));
    QPushButton* button = nullptr;
    for (QPushButton* each : f.inspector.findChildren<QPushButton*>()) {
      if (each->text().contains("3456")) button = each;
    }
    QVERIFY(button);
    QTest::mouseClick(button, Qt::LeftButton);
    QCOMPARE(fixes.count(), 1);
    const auto fix = fixes[0][0].value<graph::Fix>();
    QCOMPARE(fix.node, graph::NodeId{4});
    QCOMPARE(fix.param, std::string("in_features"));
    f.graph.find(4)->args.set(fix.param, fix.value);
    f.show(4);
    QVERIFY(!f.says("expects 400"));
  }

  void nothingAndManyAreSaid() {
    Fixture f;
    f.inspector.showNothing();
    QVERIFY(f.says("Select a block"));
    QCOMPARE(f.inspector.node(), graph::kNoNode);
    f.show(2);
    f.inspector.showMany(3);
    QVERIFY(f.says("3 blocks selected"));
    QVERIFY(!f.named<QLineEdit>("nodeName")->isVisible());
  }

  void unknownBlocksAreNamedAndKept() {
    Fixture f;
    graph::Node node;
    node.id = 9;
    node.block = "FromTheFuture";
    f.inspector.showNode(node, nullptr, {}, {});
    QVERIFY(f.says("FromTheFuture"));
    QVERIFY(!f.named<ValueField>("in_channels"));
  }

  void theBreakdownDrawsNothingAtRandom() {
    const nn::Block* linear = nn::blocks().find("Linear");
    manual_seed(7);
    const uint32_t expected = default_generator().random32();
    manual_seed(7);
    // Far more numbers than any machine holds: only their shapes are made.
    const nn::Args args =
        linear->complete({{"in_features", int64_t{1} << 30}, {"out_features", int64_t{1} << 30}});
    QCOMPARE(parameterBreakdown(*linear, args), "weight 1073741824×1073741824 + bias 1073741824");
    QCOMPARE(default_generator().random32(), expected);
    QCOMPARE(parameterBreakdown(*linear, linear->complete({})), QString());
  }

  void looks() {
    Fixture f;
    f.show(4, {"N×3456"});
    test::screenshots(f.inspector, "inspector-problem");
    f.show(2, {"N×1×28×28"});
    test::screenshots(f.inspector, "inspector-conv");
    f.inspector.showNothing();
    test::screenshots(f.inspector, "inspector-empty");
  }
};

QTEST_MAIN(TestInspector)
#include "test_inspector.moc"
