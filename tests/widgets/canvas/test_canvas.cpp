#include <QSignalSpy>
#include <QtTest>
#include <QtWidgets>

#include "core/nn/block.h"
#include "tests/widgets/canvas/editor.h"
#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/canvas_view.h"
#include "widgets/canvas/layout.h"
#include "widgets/canvas/node_item.h"
#include "widgets/canvas/problem_callout.h"
#include "widgets/canvas/wire_item.h"
#include "widgets/palette/block_mime.h"
#include "widgets/palette/block_palette.h"
#include "widgets/palette/block_search_popup.h"
#include "widgets/style/theme.h"

using namespace nw;
using namespace nw::widgets;
using graph::Endpoint;
using graph::Wire;

class TestCanvas : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { applyTheme(*qApp, ThemeKind::Light); }

  void showsNodesShapesAndCaptions() {
    Editor editor(lenet());
    QCOMPARE(editor.scene.nodeItem(2)->title(), QString("Conv2d"));
    QVERIFY(editor.scene.nodeItem(2)->caption().startsWith("1 → 6 · 5×5"));
    const WireItem* wire = editor.scene.wireItem({{2, "output"}, {3, "input"}});
    QVERIFY(wire);
    QCOMPARE(wire->text(), QString("N×6×28×28"));
    QVERIFY(!wire->wrong());
    QVERIFY(editor.scene.nodeItem(2)->spoken().contains("N×6×28×28"));
  }

  void keepsItemsAndSelectionWhenTheGraphChanges() {
    Editor editor(lenet());
    const NodeItem* before = editor.scene.nodeItem(3);
    editor.scene.setSelectedIds({2, 3});
    QSignalSpy spy(&editor.scene, &CanvasScene::selectionIdsChanged);
    graph::Graph changed = editor.graph();
    changed.find(3)->x += 80;
    changed.nodes.push_back({99, "ReLU", 1, "", {}, 400, 0, ""});
    editor.scene.setGraph(changed);
    QCOMPARE(editor.scene.nodeItem(3), before);
    QCOMPARE(editor.scene.selectedIds(), QVector<graph::NodeId>({2, 3}));
    QCOMPARE(spy.size(), 0);
    QVERIFY(editor.scene.nodeItem(99));
    std::erase_if(changed.nodes, [](const graph::Node& node) { return node.id == 3; });
    std::erase_if(changed.wires,
                  [](const Wire& wire) { return wire.from.node == 3 || wire.to.node == 3; });
    editor.scene.setGraph(changed);
    QVERIFY(!editor.scene.nodeItem(3));
    QCOMPARE(editor.scene.selectedIds(), QVector<graph::NodeId>({2}));
    QCOMPARE(spy.size(), 1);
  }

  void unknownBlocksKeepTheirWires() {
    graph::Graph graph = lenet();
    graph.find(3)->block = "Wormhole";
    Editor editor(graph);
    QVERIFY(!editor.scene.nodeItem(3)->knowsBlock());
    QCOMPARE(editor.scene.nodeItem(3)->title(), QString("Wormhole"));
    QCOMPARE(editor.scene.nodeItem(3)->ports(PortSide::Input), QStringList("input"));
    QVERIFY(editor.scene.portPosition({3, "output"}));
  }

  void paletteDragAddsABlock() {
    Editor editor(lenet());
    BlockPalette palette;
    palette.resize(240, 900);
    palette.show();
    QVERIFY(QTest::qWaitForWindowExposed(&palette));
    QSignalSpy spy(&editor.scene, &CanvasScene::addRequested);
    const QPoint target(60, 500);
    const QMimeData* mime = dragFromPalette(palette, "Dropout");
    QVERIFY(mime);
    editor.drop(*mime, target);
    QCOMPARE(spy.size(), 1);
    QCOMPARE(spy.front()[0].toString(), QString("Dropout"));
    const QPointF off = spy.front()[1].toPointF() - editor.view.mapToScene(target);
    QVERIFY(std::abs(off.x()) <= 4.5 && std::abs(off.y()) <= 4.5);
  }

  void dropOnAWireInserts() {
    Editor editor(lenet());
    QSignalSpy inserted(&editor.scene, &CanvasScene::insertOnWireRequested);
    QSignalSpy added(&editor.scene, &CanvasScene::addRequested);
    const QPointF middle =
        (*editor.scene.portPosition({2, "output"}) + *editor.scene.portPosition({3, "input"})) / 2;
    editor.drop("ReLU", editor.view.mapFromScene(middle));
    QCOMPARE(inserted.size(), 1);
    QVERIFY(inserted.front()[2].value<Wire>() == (Wire{{2, "output"}, {3, "input"}}));
    editor.drop("Input", editor.view.mapFromScene(middle));  // has no input: cannot stand between
    QCOMPARE(inserted.size(), 1);
    QCOMPARE(added.size(), 1);
  }

  void foreignDropsAreRefused() {
    Editor editor(lenet());
    QSignalSpy added(&editor.scene, &CanvasScene::addRequested);
    QMimeData mime;
    mime.setText("Conv2d");
    QDragEnterEvent enter({50, 50}, Qt::CopyAction, &mime, Qt::LeftButton, {});
    QApplication::sendEvent(editor.view.viewport(), &enter);
    QVERIFY(!enter.isAccepted());
    QCOMPARE(added.size(), 0);
  }

  void draggingPortToPortConnects() {
    Editor editor(separate());
    QSignalSpy spy(&editor.scene, &CanvasScene::connectRequested);
    editor.drag(editor.port({1, "output"}), editor.port({2, "input"}));
    QCOMPARE(spy.size(), 1);
    QVERIFY(spy.front()[0].value<Endpoint>() == (Endpoint{1, "output"}));
    QVERIFY(spy.front()[1].value<Endpoint>() == (Endpoint{2, "input"}));
    QVERIFY(editor.scene.wireItem({{1, "output"}, {2, "input"}}));
    // Backwards, and by dropping anywhere on the card.
    editor.drag(editor.port({3, "input"}), editor.at(2));
    QCOMPARE(spy.size(), 2);
    QVERIFY(spy.back()[0].value<Endpoint>() == (Endpoint{2, "output"}));
    QVERIFY(spy.back()[1].value<Endpoint>() == (Endpoint{3, "input"}));
  }

  void anotherWireIntoAnInputReplaces() {
    Editor editor(separate());
    editor.drag(editor.port({1, "output"}), editor.port({3, "input"}));
    editor.drag(editor.port({2, "output"}), editor.port({3, "input"}));
    QCOMPARE(editor.graph().wires.size(), size_t(1));
    QCOMPARE(editor.graph().wires.front().from.node, graph::NodeId(2));
  }

  void circlesAndSameSidesAreNotOffered() {
    Editor editor(lenet());
    QSignalSpy connected(&editor.scene, &CanvasScene::connectRequested);
    QSignalSpy rewired(&editor.scene, &CanvasScene::rewireRequested);
    QSignalSpy searched(&editor.scene, &CanvasScene::searchRequested);
    editor.drag(editor.port({5, "output"}), editor.port({2, "input"}));   // back: a circle
    editor.drag(editor.port({5, "output"}), editor.port({9, "output"}));  // output to output
    for (const auto& call : connected) {
      QVERIFY(call[1].value<Endpoint>().node == 9);  // falls on the card: its input is meant
    }
    QCOMPARE(rewired.size(), 0);
    QCOMPARE(searched.size(), 0);
  }

  void aWirePickedUpMovesOrGoes() {
    Editor editor(separate());
    editor.drag(editor.port({1, "output"}), editor.port({3, "input"}));
    QSignalSpy rewired(&editor.scene, &CanvasScene::rewireRequested);
    QSignalSpy disconnected(&editor.scene, &CanvasScene::disconnectRequested);
    editor.drag(editor.port({3, "input"}), editor.port({3, "input"}) + QPoint(0, 12));
    QCOMPARE(rewired.size(), 0);  // put back where it was
    editor.drag(editor.port({3, "input"}), editor.port({2, "input"}));
    QCOMPARE(rewired.size(), 1);
    QVERIFY(rewired.front()[1].value<Wire>() == (Wire{{1, "output"}, {2, "input"}}));
    editor.drag(editor.port({2, "input"}), QPoint(30, 560));
    QCOMPARE(disconnected.size(), 1);
    QVERIFY(editor.graph().wires.empty());
  }

  void aClickOnAPortAsksForNothing() {
    Editor editor(lenet());
    for (auto signal : {&CanvasScene::disconnectRequested}) {
      QSignalSpy spy(&editor.scene, signal);
      QTest::mouseClick(editor.view.viewport(), Qt::LeftButton, {}, editor.port({3, "input"}));
      QCOMPARE(spy.size(), 0);
    }
    QVERIFY(editor.scene.wireItem({{2, "output"}, {3, "input"}})->isVisible());
  }

  void escapeLetsAWireGo() {
    Editor editor(separate());
    QSignalSpy searched(&editor.scene, &CanvasScene::searchRequested);
    QTest::mousePress(editor.view.viewport(), Qt::LeftButton, {}, editor.port({1, "output"}));
    editor.move(QPoint(40, 500));
    QTest::keyClick(&editor.view, Qt::Key_Escape);
    QTest::mouseRelease(editor.view.viewport(), Qt::LeftButton, {}, QPoint(40, 500));
    QCOMPARE(searched.size(), 0);
  }

  void aWireDroppedOnNothingOpensTheSearch() {
    Editor editor(separate());
    QSignalSpy added(&editor.scene, &CanvasScene::addWiredRequested);
    const QPoint nothing(40, 500);
    const QPointF place = editor.view.mapToScene(nothing);
    editor.drag(editor.port({1, "output"}), nothing);
    auto* popup = editor.view.findChild<BlockSearchPopup*>();
    QVERIFY(popup->isVisible());
    QTest::keyClicks(popup->field(), "tanh");
    QTest::keyClick(popup->field(), Qt::Key_Return);
    QCOMPARE(added.size(), 1);
    QCOMPARE(added.front()[0].toString(), QString("Tanh"));
    QVERIFY((added.front()[1].toPointF() - place).manhattanLength() < 3);
    QVERIFY(added.front()[2].value<Wire>() == (Wire{{1, "output"}, {graph::kNoNode, "input"}}));
  }

  void ctrlKAddsInTheMiddle() {
    Editor editor(lenet());
    QSignalSpy added(&editor.scene, &CanvasScene::addRequested);
    QTest::keyClick(&editor.view, Qt::Key_K, Qt::ControlModifier);
    auto* popup = editor.view.findChild<BlockSearchPopup*>();
    QVERIFY(popup->isVisible());
    QTest::keyClicks(popup->field(), "drop");
    QTest::keyClick(popup->field(), Qt::Key_Return);
    QCOMPARE(added.size(), 1);
    const QPointF at = added.front()[1].toPointF();
    for (const graph::Node& node : editor.graph().nodes) {
      const bool itself = QPointF(node.x, node.y) == at;
      QVERIFY(itself || std::abs(node.x - at.x()) >= NodeItem::kWidth ||
              std::abs(node.y - at.y()) >= NodeItem::kHeight);
    }
  }

  void draggingMovesOnTheGrid() {
    Editor editor(separate());
    QSignalSpy spy(&editor.scene, &CanvasScene::moveRequested);
    editor.drag(editor.at(2), editor.at(2) + QPoint(61, 37));
    QCOMPARE(spy.size(), 1);
    const graph::Node& moved = *editor.graph().find(2);
    QCOMPARE(QPointF(moved.x, moved.y), QPointF(0 + 64, 96 + 40));
    QCOMPARE(editor.scene.nodeRect(2)->center(), QPointF(64, 136));
    // Its wires, had it any, and all others that are selected go along.
    editor.scene.setSelectedIds({1, 2});
    editor.drag(editor.at(1), editor.at(1) + QPoint(-80, 0));
    QCOMPARE(spy.back()[0].value<Moves>().size(), 2);
    QCOMPARE(editor.graph().find(2)->x, 64.0 - 80);
  }

  void aRefusedMoveGoesBack() {
    Editor editor(separate());
    editor.refuse = true;
    editor.drag(editor.at(2), editor.at(2) + QPoint(80, 80));
    QCOMPARE(editor.scene.nodeRect(2)->center(), QPointF(0, 96));
  }

  void rubberBandSelectsAndDeleteAsks() {
    Editor editor(separate());
    QSignalSpy removed(&editor.scene, &CanvasScene::removeRequested);
    const QRect first = editor.view.mapFromScene(*editor.scene.nodeRect(1)).boundingRect();
    const QRect second = editor.view.mapFromScene(*editor.scene.nodeRect(2)).boundingRect();
    const QRect both = (first | second).adjusted(-20, -20, 20, 20);
    editor.drag(both.topLeft(), both.bottomRight());
    QCOMPARE(editor.scene.selectedIds(), QVector<graph::NodeId>({1, 2}));
    QTest::keyClick(&editor.view, Qt::Key_Delete);
    QCOMPARE(removed.size(), 1);
    QCOMPARE(editor.graph().nodes.size(), size_t(1));
    QTest::keyClick(&editor.view, Qt::Key_Delete);  // nothing is selected now
    QCOMPARE(removed.size(), 1);
  }

  void wiresAreSelectedAndDeleted() {
    Editor editor(lenet());
    const WireItem* wire = editor.scene.wireItem({{2, "output"}, {3, "input"}});
    const QPoint middle = editor.view.mapFromScene(wire->boundingRect().center());
    QTest::mouseClick(editor.view.viewport(), Qt::LeftButton, {}, middle);
    QCOMPARE(editor.scene.selectedWires().size(), 1);
    const size_t before = editor.graph().wires.size();
    QTest::keyClick(&editor.view, Qt::Key_Backspace);
    QCOMPARE(editor.graph().wires.size(), before - 1);
    QVERIFY(!editor.scene.wireItem({{2, "output"}, {3, "input"}}));
  }

  void keysMoveAndWalk() {
    Editor editor(lenet());
    editor.view.setFocus();
    QTest::keyClick(&editor.view, Qt::Key_Tab);
    QCOMPARE(editor.scene.selectedIds(), QVector<graph::NodeId>({1}));
    QTest::keyClick(&editor.view, Qt::Key_Tab);
    QCOMPARE(editor.scene.selectedIds(), QVector<graph::NodeId>({2}));
    QVERIFY(editor.view.accessibleDescription().contains("Conv2d"));
    QTest::keyClick(&editor.view, Qt::Key_Backtab);
    QCOMPARE(editor.scene.selectedIds(), QVector<graph::NodeId>({1}));
    const double x = editor.graph().find(1)->x, y = editor.graph().find(1)->y;
    QTest::keyClick(&editor.view, Qt::Key_Right);
    QTest::keyClick(&editor.view, Qt::Key_Up, Qt::ShiftModifier);
    QCOMPARE(editor.graph().find(1)->x, x + 8);
    QCOMPARE(editor.graph().find(1)->y, y - 40);
    editor.scene.selectAll();
    QCOMPARE(size_t(editor.scene.selectedIds().size()), editor.graph().nodes.size());
    QTest::keyClick(&editor.view, Qt::Key_Escape);
    QVERIFY(editor.scene.selectedIds().isEmpty());
  }

  void wheelZoomsToThePointer() {
    Editor editor(lenet());
    for (const QPoint pointer : {QPoint(100, 90), QPoint(640, 500), QPoint(13, 599)}) {
      for (int turn : {120, 120, -120, 360, -480, 240}) {
        const QPointF before = editor.view.viewportTransform().inverted().map(QPointF(pointer));
        const qreal zoom = editor.view.zoom();
        editor.wheel(pointer, turn);
        const QPointF after = editor.view.viewportTransform().map(before);
        QVERIFY((after - QPointF(pointer)).manhattanLength() <= 1.01);
        QVERIFY(turn > 0 ? editor.view.zoom() > zoom : editor.view.zoom() < zoom);
      }
    }
    for (int i = 0; i < 60; ++i) editor.wheel({50, 50}, -480);
    QCOMPARE(editor.view.zoom(), CanvasView::kMinZoom);
    for (int i = 0; i < 60; ++i) editor.wheel({50, 50}, 480);
    QCOMPARE(editor.view.zoom(), CanvasView::kMaxZoom);
    QTest::keyClick(&editor.view, Qt::Key_0, Qt::ControlModifier);
    QCOMPARE(editor.view.zoom(), 1.0);
    QTest::keyClick(&editor.view, Qt::Key_Plus, Qt::ControlModifier);
    QCOMPARE(editor.view.zoom(), 1.25);
    QTest::keyClick(&editor.view, Qt::Key_Minus, Qt::ControlModifier);
    QCOMPARE(editor.view.zoom(), 1.0);
  }

  void fitShowsEverything() {
    Editor editor(lenet());
    for (int key : {Qt::Key_F, Qt::Key_Home}) {
      editor.view.setZoom(3, {0, 0});
      QTest::keyClick(&editor.view, Qt::Key(key));
      for (const graph::Node& node : editor.graph().nodes) {
        const QRect shown =
            editor.view.mapFromScene(*editor.scene.nodeRect(node.id)).boundingRect();
        QVERIFY(editor.view.viewport()->rect().contains(shown));
      }
    }
  }

  void middleButtonAndSpacePan() {
    Editor editor(lenet());
    QWidget* port = editor.view.viewport();
    const QPointF before = editor.view.mapToScene(QPoint(0, 0));
    QTest::mousePress(port, Qt::MiddleButton, {}, {200, 200});
    editor.move({260, 170}, Qt::MiddleButton);
    QTest::mouseRelease(port, Qt::MiddleButton, {}, {260, 170});
    const QPointF moved = (before - editor.view.mapToScene(QPoint(0, 0))) * editor.view.zoom();
    QVERIFY((moved - QPointF(60, -30)).manhattanLength() <= 2);
    QTest::keyPress(&editor.view, Qt::Key_Space);
    editor.drag({200, 200}, {140, 230});
    QTest::keyRelease(&editor.view, Qt::Key_Space);
    const QPointF back = (before - editor.view.mapToScene(QPoint(0, 0))) * editor.view.zoom();
    QVERIFY(back.manhattanLength() <= 3);
    QVERIFY(editor.scene.selectedIds().isEmpty());
  }

  void badgeExplainsAndFixes() {
    Editor editor(brokenLenet());
    QVERIFY(!editor.scene.nodeItem(9)->problems().isEmpty());
    const WireItem* wire = editor.scene.wireItem({{8, "output"}, {9, "input"}});
    QVERIFY(wire->wrong());
    auto* callout = editor.view.findChild<ProblemCallout*>();
    QVERIFY(!callout->isVisible());
    const QRectF card = *editor.scene.nodeRect(9);
    QTest::mouseClick(editor.view.viewport(), Qt::LeftButton, {},
                      editor.view.mapFromScene(card.topRight() + QPointF(-2, 2)));
    QVERIFY(callout->isVisible());
    const QString expected =
        QString::fromStdString(editor.scene.nodeItem(9)->problems().front().text);
    QVERIFY(expected.contains("400"));
    QStringList texts;
    for (const QLabel* label : callout->findChildren<QLabel*>()) texts << label->text();
    QVERIFY(texts.contains(expected));
    QPushButton* fix = callout->findChild<QPushButton*>();
    QVERIFY(fix);
    QSignalSpy fixed(&editor.scene, &CanvasScene::fixRequested);
    QTest::mouseClick(fix, Qt::LeftButton);
    QCOMPARE(fixed.size(), 1);
    QCOMPARE(fixed.front()[0].value<graph::Fix>().node, graph::NodeId(9));
    QVERIFY(editor.scene.nodeItem(9)->problems().isEmpty());
    QVERIFY(!callout->isVisible());
    QVERIFY(!editor.scene.wireItem({{8, "output"}, {9, "input"}})->wrong());
  }

  void calloutGoesWithAClickElsewhere() {
    Editor editor(brokenLenet());
    editor.view.reveal(9);
    auto* callout = editor.view.findChild<ProblemCallout*>();
    QVERIFY(callout->isVisible());
    QCOMPARE(editor.scene.selectedIds(), QVector<graph::NodeId>({9}));
    QVERIFY(editor.view.rect().contains(callout->geometry()));
    QTest::mouseClick(editor.view.viewport(), Qt::LeftButton, {}, {20, 20});
    QVERIFY(!callout->isVisible());
    editor.view.reveal(9);
    QTest::keyClick(&editor.view, Qt::Key_Escape);
    QVERIFY(!callout->isVisible());
  }

  void emptyCanvasInvites() {
    Editor editor({});
    editor.view.setTemplates(templates());
    QSignalSpy spy(&editor.view, &CanvasView::templateRequested);
    const auto buttons = editor.view.findChildren<QPushButton*>();
    QPushButton* spirals = nullptr;
    for (QPushButton* button : buttons) {
      if (button->accessibleName() == "Spirals") spirals = button;
    }
    QVERIFY(spirals && spirals->isVisible());
    QTRY_VERIFY(spirals->height() >= 80 && spirals->width() >= 160);  // nothing is cut off
    QTest::mouseClick(spirals, Qt::LeftButton);
    QCOMPARE(spy.front().front().toString(), QString("spirals"));
    QSignalSpy added(&editor.scene, &CanvasScene::addRequested);
    editor.drop("Linear", editor.view.viewport()->rect().center());
    QCOMPARE(added.size(), 1);
    QVERIFY(!spirals->isVisible());
  }

  void portsThatANetworkNeedsStandEvenlyAndNoneTouch() {
    for (const nn::Block& block : nn::blocks().all()) {
      Editor editor(chain({{block.id, {}}}));
      for (const FlowDirection direction :
           {FlowDirection::TopToBottom, FlowDirection::LeftToRight}) {
        editor.scene.setFlowDirection(direction);
        QVector<QPointF> places;
        for (const std::vector<nn::Port>* ports : {&block.inputs, &block.outputs}) {
          const PortSide side = ports == &block.inputs ? PortSide::Input : PortSide::Output;
          for (const nn::Port& port : *ports) {
            const QString name = QString::fromStdString(port.name);
            places << editor.scene.nodeItem(1)->portCentre(side, name);
          }
        }
        for (int i = 0; i < places.size(); ++i) {
          for (int j = 0; j < i; ++j) {
            QVERIFY2(QLineF(places[i], places[j]).length() >= 9, block.id.c_str());
          }
        }
      }
    }
    Editor editor(chain({{"LSTM", {}}}));
    const QPointF centre = editor.scene.nodeRect(1)->center();
    QCOMPARE(editor.scene.portPosition({1, "input"})->x(), centre.x());
    QCOMPARE(editor.scene.portPosition({1, "output"})->x(), centre.x());
    QVERIFY(editor.scene.portPosition({1, "h_n"})->x() > centre.x());
  }

  void directionTurnsPortsAndArrangement() {
    Editor editor(lenet());
    const QPointF below = *editor.scene.portPosition({2, "output"});
    QCOMPARE(below - editor.scene.nodeRect(2)->center(), QPointF(0, 24));
    editor.scene.setFlowDirection(FlowDirection::LeftToRight);
    const QPointF beside = *editor.scene.portPosition({2, "output"});
    QCOMPARE(beside - editor.scene.nodeRect(2)->center(), QPointF(92, 0));
    editor.scene.arrange();
    for (const Wire& wire : editor.graph().wires) {
      QVERIFY(editor.graph().find(wire.from.node)->x < editor.graph().find(wire.to.node)->x);
    }
  }

  void arrangementOverlapsNothing() {
    graph::Graph graph = lenet();
    for (graph::NodeId id = 30; id < 36; ++id) {  // a fan beside the chain
      graph.nodes.push_back({id, "ReLU", 1, "", {}, 0, 0, ""});
      graph.wires.push_back({{2, "output"}, {id, "input"}});
    }
    graph.nodes.push_back({50, "ReLU", 1, "", {}, 0, 0, ""});  // and a circle
    graph.nodes.push_back({51, "ReLU", 1, "", {}, 0, 0, ""});
    graph.wires.push_back({{50, "output"}, {51, "input"}});
    graph.wires.push_back({{51, "output"}, {50, "input"}});
    for (FlowDirection way : {FlowDirection::TopToBottom, FlowDirection::LeftToRight}) {
      const auto places = arranged(graph, way);
      QCOMPARE(size_t(places.size()), graph.nodes.size());
      for (const auto& [id, at] : places) {
        for (const auto& [other, there] : places) {
          QVERIFY(id == other || std::abs(at.x() - there.x()) >= NodeItem::kWidth ||
                  std::abs(at.y() - there.y()) >= NodeItem::kHeight);
        }
      }
    }
  }

 private:
  using Moves = QVector<QPair<graph::NodeId, QPointF>>;

  static QVector<CanvasTemplate> templates() {
    return {{"lenet", "LeNet", "Tells clothes apart on Fashion-MNIST", "image"},
            {"spirals", "Spirals", "Finds a winding border between points", "spirals"},
            {"sine", "A noisy sine", "Fits a curve through noise", "sine"}};
  }

  /// Presses on a block's row and moves until a drag begins; gives what it carries. The offscreen
  /// platform ends every drag at once, so the rest of the way is up to Editor::drop.
  static const QMimeData* dragFromPalette(BlockPalette& palette, const QString& id) {
    QTreeView* tree = palette.tree();
    const QModelIndex row = tree->model()
                                ->match(tree->model()->index(0, 0), Qt::UserRole, id, 1,
                                        Qt::MatchExactly | Qt::MatchRecursive)
                                .front();
    tree->scrollTo(row);
    const QPoint start = tree->visualRect(row).center();
    QTest::mousePress(tree->viewport(), Qt::LeftButton, {}, start);
    for (int step : {8, 16, 40}) {
      const QPointF at = start + QPoint(step, 0);
      QMouseEvent move(QEvent::MouseMove, at, tree->viewport()->mapToGlobal(at), Qt::NoButton,
                       Qt::LeftButton, {});
      QApplication::sendEvent(tree->viewport(), &move);
    }
    const QDrag* drag = tree->findChild<QDrag*>();
    return drag ? drag->mimeData() : nullptr;
  }
};

QTEST_MAIN(TestCanvas)
#include "test_canvas.moc"
