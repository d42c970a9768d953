#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <random>

#include "app/document/document.h"
#include "app/document/examples.h"

using namespace nw;
using namespace nw::app;
using graph::NodeId;

namespace {

std::string json(const Document& document) {
  return graph::to_json(document.project());
}

graph::Endpoint out(NodeId node) {
  return {node, "output"};
}
graph::Endpoint in(NodeId node) {
  return {node, "input"};
}

/// Input -> Linear -> CrossEntropyLoss, on two moons.
struct Chain {
  Document document;
  NodeId input, linear, loss;

  Chain() {
    graph::RunSettings run = document.project().run;
    run.data = {"two-moons", {}};
    document.setRun(run);
    input = document.append("Input", graph::kNoNode);
    linear = document.append("Linear", input);
    document.setArg(linear, "out_features", int64_t{2});
    loss = document.append("CrossEntropyLoss", linear);
  }
  const graph::Node& node(NodeId id) { return *document.graph().find(id); }
};

/// One edit, drawn at random, through the document's own door.
class RandomEditor {
 public:
  RandomEditor(Document& document, unsigned seed) : document_(document), random_(seed) {}

  void edit() {
    switch (below(11)) {
      case 0:
        document_.place(block(), at());
        break;
      case 1:
        document_.append(block(), node());
        break;
      case 2:
        if (const graph::Wire* w = wire()) document_.insertOn(graph::Wire(*w), block(), at());
        break;
      case 3:
        document_.placeWired(block(), at(), {out(node()), {graph::kNoNode, ""}});
        break;
      case 4:
        document_.connectPorts(out(node()), in(node()));
        break;
      case 5:
        removeSome();
        break;
      case 6:
        document_.move({{node(), at()}, {node(), at()}});
        break;
      case 7:
        setSomeArg();
        break;
      case 8:
        document_.rename(node(), below(3) == 0 ? "" : concat("name", below(100)));
        break;
      case 9:
        document_.paste(document_.copy({node(), node(), node()}), "Paste");
        break;
      default:
        changeRun();
    }
  }

 private:
  size_t below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }
  Position at() { return {double(below(800)), double(below(800))}; }
  std::string block() { return nn::blocks().all()[below(nn::blocks().all().size())].id; }
  NodeId node() {
    const auto& nodes = document_.graph().nodes;
    return nodes.empty() ? graph::kNoNode : nodes[below(nodes.size())].id;
  }
  const graph::Wire* wire() {
    const auto& wires = document_.graph().wires;
    return wires.empty() ? nullptr : &wires[below(wires.size())];
  }
  void removeSome() {
    std::vector<graph::Wire> wires;
    if (const graph::Wire* w = wire()) wires.push_back(*w);
    document_.remove({node(), node()}, wires);
  }
  void setSomeArg() {
    const graph::Node* target = document_.graph().find(node());
    const nn::Block* block = target ? nn::blocks().find(target->block) : nullptr;
    if (!block || block->params.empty()) return;
    const nn::Param& param = block->params[below(block->params.size())];
    const nn::Value value = below(3) == 0                           ? param.fallback
                            : param.type == nn::ParamType::Bool     ? nn::Value(below(2) == 0)
                            : param.type == nn::ParamType::Real     ? nn::Value(below(9) / 10.0)
                            : param.type == nn::ParamType::Choice   ? nn::Value(param.choices[0])
                            : param.type == nn::ParamType::IntTuple ? nn::Value(int64_t(below(9)))
                                                                    : nn::Value(int64_t(below(9)));
    document_.setArg(target->id, param.name, value);
  }
  void changeRun() {
    graph::RunSettings run = document_.project().run;
    switch (below(4)) {
      case 0:
        run.epochs = 1 + int64_t(below(20));
        break;
      case 1:
        run.optimizer = {below(2) ? "SGD" : "Adam", {}};
        break;
      case 2:
        run.optimizer.args.set("lr", 0.01 * double(1 + below(9)));
        break;
      default:
        run.data = {below(2) ? "two-moons" : "spirals", {}};
    }
    document_.setRun(run);
  }

  Document& document_;
  std::mt19937 random_;
};

}  // namespace

class TestDocument : public QObject {
  Q_OBJECT

 private slots:
  void appendsWiresAndInfers();
  void appendInTheMiddleMakesRoom();
  void appendAfterALossGoesBeforeIt();
  void insertsOnAWire();
  void replacesTheWireIntoAPort();
  void refusesCircles();
  void undoTextsComeFromTheDescription();
  void defaultsAreNotKept();
  void mergesSuccessiveValues();
  void deletesManyInOneStep();
  void copiesBetweenDocuments();
  void randomWalkUndoesAndRedoesToTheByte();
  void tellsWhatChanged();
  void savesAndReportsFailure();
  void missingDataIsAProblem();
};

void TestDocument::appendsWiresAndInfers() {
  Chain chain;
  const graph::Graph& graph = chain.document.graph();
  QCOMPARE(graph.wires.size(), size_t{2});
  QVERIFY(graph.wires[0] == (graph::Wire{out(chain.input), in(chain.linear)}));
  QVERIFY(graph.wires[1] == (graph::Wire{out(chain.linear), in(chain.loss)}));
  QVERIFY(chain.node(chain.linear).y > chain.node(chain.input).y);
  QVERIFY(chain.node(chain.loss).y > chain.node(chain.linear).y);
  QVERIFY(chain.document.inference().ok());
  QCOMPARE(chain.document.inference().parameters, int64_t{2 * 2 + 2});
}

void TestDocument::appendInTheMiddleMakesRoom() {
  Chain chain;
  const double before = chain.node(chain.loss).y;
  const NodeId relu = chain.document.append("ReLU", chain.linear);
  QVERIFY(chain.document.graph().wire_into(relu, "input")->from == out(chain.linear));
  QVERIFY(chain.document.graph().wire_into(chain.loss, "input")->from == out(relu));
  QVERIFY(chain.node(chain.loss).y > before);
  QVERIFY(chain.node(relu).y < chain.node(chain.loss).y);
  chain.document.history().undo();
  QCOMPARE(chain.node(chain.loss).y, before);
  QVERIFY(chain.document.graph().wire_into(chain.loss, "input")->from == out(chain.linear));
}

void TestDocument::appendAfterALossGoesBeforeIt() {
  Chain chain;
  const NodeId tanh = chain.document.append("Tanh", graph::kNoNode);
  QVERIFY(chain.document.graph().wire_into(tanh, "input")->from == out(chain.linear));
  QVERIFY(chain.document.graph().wire_into(chain.loss, "input")->from == out(tanh));
}

void TestDocument::insertsOnAWire() {
  Chain chain;
  const graph::Wire wire = *chain.document.graph().wire_into(chain.loss, "input");
  const NodeId dropout = chain.document.insertOn(wire, "Dropout", {0, 150});
  QVERIFY(chain.document.graph().wire_into(dropout, "input")->from == out(chain.linear));
  QVERIFY(chain.document.graph().wire_into(chain.loss, "input")->from == out(dropout));
  QCOMPARE(chain.document.graph().wires.size(), size_t{3});
}

void TestDocument::replacesTheWireIntoAPort() {
  Chain chain;
  const NodeId other = chain.document.place("ReLU", {300, 0});
  QCOMPARE(chain.document.connectPorts(out(chain.input), in(other)), QString());
  const int steps = chain.document.history().count();
  QCOMPARE(chain.document.connectPorts(out(other), in(chain.loss)), QString());
  QCOMPARE(chain.document.history().count(), steps + 1);
  QVERIFY(chain.document.graph().wire_into(chain.loss, "input")->from == out(other));
  chain.document.history().undo();
  QVERIFY(chain.document.graph().wire_into(chain.loss, "input")->from == out(chain.linear));
}

void TestDocument::refusesCircles() {
  Chain chain;
  const NodeId relu = chain.document.append("ReLU", chain.linear);
  const std::string before = json(chain.document);
  const QString reason = chain.document.connectPorts(out(relu), in(chain.linear));
  QVERIFY2(reason.contains("circle"), qPrintable(reason));
  QVERIFY(!chain.document.connectPorts(out(relu), in(relu)).isEmpty());
  QCOMPARE(json(chain.document), before);
}

void TestDocument::undoTextsComeFromTheDescription() {
  Document document;
  const NodeId conv = document.place("Conv2d", {0, 0});
  QCOMPARE(document.history().undoText(), QString("Add Conv2d"));
  document.setArg(conv, "kernel_size", int64_t{5});
  QCOMPARE(document.history().undoText(), QString("Set kernel_size of Conv2d to 5"));
  document.rename(conv, "conv1");
  QCOMPARE(document.history().undoText(), QString("Rename Conv2d to conv1"));
  graph::RunSettings run = document.project().run;
  run.optimizer.args.set("lr", 0.5);
  document.setRun(run);
  QCOMPARE(document.history().undoText(), QString("Set lr of SGD to 0.5"));
  document.remove({conv}, {});
  QCOMPARE(document.history().undoText(), QString("Delete conv1"));
}

void TestDocument::defaultsAreNotKept() {
  Document document;
  const NodeId conv = document.place("Conv2d", {0, 0});
  const auto args = [&] { return document.graph().find(conv)->args; };
  document.setArg(conv, "stride", int64_t{2});
  document.setArg(conv, "in_channels", int64_t{3});
  QVERIFY(args().has("stride") && args().has("in_channels"));
  document.setArg(conv, "stride", std::vector<int64_t>{1, 1});  // the default, written otherwise
  document.setArg(conv, "in_channels", nn::None{});
  QVERIFY(args() == nn::Args{});
}

void TestDocument::mergesSuccessiveValues() {
  Chain chain;
  const int steps = chain.document.history().count();
  const std::string before = json(chain.document);
  for (const int64_t size : {3, 4, 5}) chain.document.setArg(chain.linear, "out_features", size);
  // The last value before belongs to the step that came within the same second.
  QCOMPARE(chain.document.history().count(), steps + 1);
  QCOMPARE(chain.document.history().undoText(), QString("Set out_features of Linear to 5"));
  chain.document.history().undo();
  QCOMPARE(json(chain.document), before);
}

void TestDocument::deletesManyInOneStep() {
  Chain chain;
  const std::string before = json(chain.document);
  const int steps = chain.document.history().count();
  QVERIFY(chain.document.remove({chain.input, chain.linear, chain.loss}, {}));
  QCOMPARE(chain.document.history().count(), steps + 1);
  QCOMPARE(chain.document.history().undoText(), QString("Delete 3 blocks"));
  QVERIFY(chain.document.graph().nodes.empty() && chain.document.graph().wires.empty());
  chain.document.history().undo();
  QCOMPARE(json(chain.document), before);
}

void TestDocument::copiesBetweenDocuments() {
  Chain chain;
  chain.document.rename(chain.linear, "head");
  const QByteArray copied = chain.document.copy({chain.linear, chain.loss});
  Document other;
  const std::vector<NodeId> added = other.paste(copied, "Paste");
  QCOMPARE(added.size(), size_t{2});
  QCOMPARE(other.graph().wires.size(), size_t{1});  // the one among the copied
  QVERIFY(other.graph().wires[0] == (graph::Wire{out(added[0]), in(added[1])}));
  QCOMPARE(other.graph().find(added[0])->name, std::string("head"));
  QVERIFY(other.graph().find(added[0])->args == chain.node(chain.linear).args);

  const std::vector<NodeId> again = other.paste(copied, "Paste");
  QCOMPARE(other.history().count(), 2);
  QVERIFY(again[0] != added[0]);
  QVERIFY(other.graph().find(again[0])->x != other.graph().find(added[0])->x);
  QCOMPARE(other.graph().find(again[0])->name, std::string("head_2"));

  QVERIFY(other.paste("just words", "Paste").empty());
  QCOMPARE(other.history().count(), 2);
}

void TestDocument::randomWalkUndoesAndRedoesToTheByte() {
  const unsigned seed = std::random_device()();
  qInfo("seed %u", seed);
  for (unsigned walk = 0; walk < 5; ++walk) {
    Document document;
    auto example = readExample("spirals");
    document.adopt(std::get<graph::Project>(std::move(example)), "spirals", false);
    const std::string start = json(document);
    RandomEditor editor(document, seed + walk);
    for (int i = 0; i < 120; ++i) {
      editor.edit();
      // Going back and forth on the way must change nothing.
      if (i % 17 == 0 && document.history().canUndo()) {
        const std::string here = json(document);
        document.history().undo();
        document.history().redo();
        QCOMPARE(json(document), here);
      }
    }
    const std::string end = json(document);
    QVERIFY(end != start);
    while (document.history().canUndo()) document.history().undo();
    QCOMPARE(json(document), start);
    while (document.history().canRedo()) document.history().redo();
    QCOMPARE(json(document), end);
  }
}

void TestDocument::tellsWhatChanged() {
  Chain chain;
  std::vector<Change> heard;
  connect(&chain.document, &Document::changed, this,
          [&](const Change& change) { heard.push_back(change); });
  chain.document.move({{chain.linear, {500, 500}}});
  QCOMPARE(heard.size(), size_t{1});
  QVERIFY(heard[0].aspects == Aspects(Aspect::Positions));
  QVERIFY(heard[0].changed == std::vector<NodeId>{chain.linear});
  heard.clear();
  chain.document.remove({chain.loss}, {});
  QVERIFY(heard.back().aspects == (Aspect::Structure | Aspect::Shapes));
  QVERIFY(heard.back().removed == std::vector<NodeId>{chain.loss});
  heard.clear();
  chain.document.history().undo();
  QVERIFY(heard.front().added == std::vector<NodeId>{chain.loss});
}

void TestDocument::savesAndReportsFailure() {
  QTemporaryDir folder;
  Chain chain;
  QVERIFY(chain.document.isModified());
  const QString path = folder.filePath("chain.netwright");
  QCOMPARE(chain.document.save(path), QString());
  QVERIFY(!chain.document.isModified());
  QCOMPARE(chain.document.title(), QString("chain"));

  const ProjectOrError read = readProject(path);
  QCOMPARE(graph::to_json(std::get<graph::Project>(read)), json(chain.document));

  chain.document.setArg(chain.linear, "out_features", int64_t{9});
  QVERIFY(chain.document.isModified());
  const QString error = chain.document.save(folder.filePath("missing/chain.netwright"));
  QVERIFY2(error.contains("missing"), qPrintable(error));
  QVERIFY(chain.document.isModified());
  QCOMPARE(chain.document.path(), path);
  chain.document.history().undo();
  QVERIFY(!chain.document.isModified());
}

void TestDocument::missingDataIsAProblem() {
  QTemporaryDir empty;
  Chain chain;
  graph::RunSettings run = chain.document.project().run;
  run.data = {"FashionMNIST", {{"root", empty.path().toStdString()}}};
  chain.document.setRun(run);
  QVERIFY(!chain.document.inference().ok());
  QVERIFY(chain.document.signature() == nullptr);
  const graph::Problem& problem = chain.document.inference().problems.front();
  QCOMPARE(problem.node, chain.input);
  QVERIFY2(QString::fromStdString(problem.text).contains(empty.path()), problem.text.c_str());
  chain.document.history().undo();
  QVERIFY(chain.document.inference().ok());
}

QTEST_GUILESS_MAIN(TestDocument)
#include "test_document.moc"
