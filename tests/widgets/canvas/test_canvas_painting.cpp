#include <QtTest>
#include <QtWidgets>

#include "tests/widgets/canvas/editor.h"
#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/canvas_view.h"
#include "widgets/canvas/node_item.h"
#include "widgets/style/theme.h"

using namespace nw;
using namespace nw::widgets;

namespace {

QImage picture(QWidget& widget, qreal ratio) {
  QImage image(widget.size() * ratio, QImage::Format_RGB32);
  image.setDevicePixelRatio(ratio);
  image.fill(Qt::red);
  widget.render(&image);
  return image;
}

/// How many pixels of a part of the view have exactly this colour.
int count(const QImage& image, const QRect& part, const QColor& color) {
  int matching = 0;
  for (int y = part.top(); y <= part.bottom(); ++y) {
    for (int x = part.left(); x <= part.right(); ++x) {
      if (image.valid(x, y) && image.pixelColor(x, y) == color) ++matching;
    }
  }
  return matching;
}

/// A big network: `count` blocks in chains of twelve, side by side.
graph::Graph manyBlocks(int count) {
  graph::Graph graph;
  for (int i = 0; i < count; ++i) {
    const char* kinds[] = {"Conv2d", "ReLU", "MaxPool2d", "Dropout", "Linear", "Tanh"};
    const graph::NodeId id = i + 1;
    graph.nodes.push_back(
        {id, kinds[i % 6], 1, "layer" + std::to_string(i), {}, i / 12 * 240.0, i % 12 * 96.0, ""});
    if (i % 12) graph.wires.push_back({{id - 1, "output"}, {id, "input"}});
  }
  return graph;
}

/// The same without modules: shapes for every wire, written by hand.
graph::Inference inferenceOf(const graph::Graph& graph) {
  graph::Inference inference;
  for (const graph::Node& node : graph.nodes) {
    graph::NodeInfo& info = inference.nodes[node.id];
    info.key = node.name;
    info.caption = "16 → 32 · 3×3";
    info.outputs = {{true, DType::Float32, {64, 32, 28, 28}, "N×32×28×28"}};
  }
  return inference;
}

/// What it takes to paint the view, in bytes of recorded commands: the same on every machine.
qint64 paintingOf(CanvasView& view) {
  QPicture commands;
  QPainter painter(&commands);
  view.render(&painter, QRectF(view.viewport()->rect()));
  painter.end();
  return commands.size();
}

/// Where a wire carries its shape, between two blocks above each other.
QPointF pillPlace(const Editor& editor) {
  return (*editor.scene.portPosition({8, "output"}) + *editor.scene.portPosition({9, "input"})) / 2;
}

/// Columns and rows of the screen that have ink beside the wire.
QSize inkOfPill(Editor& editor, const QImage& image) {
  const QPoint at = editor.view.mapFromScene(pillPlace(editor));
  QSet<int> columns, rows;
  for (int y = at.y() - 8; y <= at.y() + 8; ++y) {
    for (int x = at.x() - 40; x <= at.x() + 40; ++x) {
      const bool wire = std::abs(x - at.x()) <= 4;
      if (wire || image.pixelColor(x, y).lightness() > 170) continue;
      columns << x;
      rows << y;
    }
  }
  return {int(columns.size()), int(rows.size())};
}

}  // namespace

class TestCanvasPainting : public QObject {
  Q_OBJECT

 private slots:
  void init() { applyTheme(*qApp, ThemeKind::Light); }

  void detailGoesStepByStep() {
    Editor editor(lenet());
    const Theme& theme = editor.scene.theme();
    const auto inkAt = [&](qreal zoom) {
      editor.view.setZoom(zoom, {0, 0});
      editor.view.centerOn(editor.scene.nodeRect(9)->center());
      const QRect card =
          editor.view.mapFromScene(*editor.scene.nodeRect(9)).boundingRect().adjusted(8, 2, -2, -2);
      const QImage image = picture(*editor.view.viewport(), 1);
      int ink = 0;
      for (int y = card.top(); y <= card.bottom(); ++y) {
        for (int x = card.left(); x <= card.right(); ++x) {
          if (image.pixelColor(x, y).lightness() < 140) ++ink;
        }
      }
      return ink;
    };
    QVERIFY(inkAt(1) > 60);    // the name is there
    QVERIFY(inkAt(0.6) > 60);  // with its caption
    QVERIFY(inkAt(0.4) > 10);  // still readable, alone
    QCOMPARE(inkAt(0.31), 0);  // only the card
    applyTheme(*qApp, ThemeKind::Dark);
    editor.view.setZoom(0.15, {0, 0});
    editor.view.centerOn(editor.scene.nodeRect(9)->center());
    const QRect far = editor.view.mapFromScene(*editor.scene.nodeRect(9)).boundingRect();
    const QImage image = picture(*editor.view.viewport(), 1);
    QVERIFY(count(image, far, categoryColor("linear")) > far.width() * far.height() / 2);
    QCOMPARE(count(image, far, theme.card), 0);
  }

  void selectionProblemsAndThemesShow() {
    Editor editor(brokenLenet());
    editor.view.setZoom(1, {0, 0});
    editor.view.centerOn(editor.scene.nodeRect(9)->center());
    const auto card = [&] {
      return editor.view.mapFromScene(*editor.scene.nodeRect(9)).boundingRect();
    };
    const auto badge = [&] { return QRect(card().topRight() + QPoint(-8, -6), QSize(16, 16)); };
    QImage image = picture(*editor.view.viewport(), 1);
    QVERIFY(count(image, badge(), editor.scene.theme().error) > 60);
    const int before = count(image, card(), editor.scene.theme().accent);
    editor.scene.setSelectedIds({9});
    image = picture(*editor.view.viewport(), 1);
    QVERIFY(count(image, card(), editor.scene.theme().accent) > before + 150);
    applyTheme(*qApp, ThemeKind::Dark);
    QVERIFY(editor.scene.theme().dark);
    image = picture(*editor.view.viewport(), 1);
    QVERIFY(count(image, card(), Theme::makeDark().card) > 3000);
    QCOMPARE(image.pixelColor(1, 1), Theme::makeDark().canvas);
  }

  /// A pill is there to be read: with digits of a legible size, or not at all.
  void pillsAreLegibleOrGone() {
    Editor editor(lenet());
    const graph::Inference known =
        graph::infer(editor.graph(), {{1, 28, 28}, {}, DType::Int64, 10});
    const auto look = [&](qreal zoom, bool shapes) {
      editor.scene.setInference(shapes ? known : graph::Inference());
      editor.view.setZoom(zoom, {0, 0});
      editor.view.centerOn(pillPlace(editor));
      return picture(*editor.view.viewport(), 1);
    };
    for (const qreal zoom : {1.5, 1.0, 0.8, 0.72, 0.71, 0.6, 0.52, 0.45}) {
      const QSize ink = inkOfPill(editor, look(zoom, true));
      QVERIFY2(
          ink.width() >= 9 && ink.height() >= 6,
          qPrintable(QString("zoom %1: %2 × %3").arg(zoom).arg(ink.width()).arg(ink.height())));
    }
    for (const qreal zoom : {0.36, 0.33, 0.25, 0.1}) {
      QVERIFY2(look(zoom, true) == look(zoom, false), qPrintable(QString::number(zoom)));
    }
  }

  /// Painting costs what is in sight, and little a block from afar.
  void thousandsOfBlocksStayCheap() {
    const auto painting = [](int blocks, qreal zoom) {
      const graph::Graph graph = manyBlocks(blocks);
      CanvasScene scene;
      CanvasView view(&scene);
      view.resize(1400, 900);
      view.show();
      scene.setGraph(graph);
      scene.setInference(inferenceOf(graph));
      view.setZoom(zoom, view.viewport()->rect().center());
      view.centerOn(graph.nodes[600].x, graph.nodes[600].y);
      return paintingOf(view);
    };
    const qint64 empty = [] {
      CanvasScene scene;
      CanvasView view(&scene);
      view.resize(1400, 900);
      return paintingOf(view);
    }();
    for (const qreal zoom : {1.0, 0.55}) {
      const qint64 some = painting(1200, zoom), many = painting(4800, zoom);
      QVERIFY(some > empty);
      QVERIFY2(many - empty < (some - empty) * 5 / 4,
               qPrintable(QString("%1: %2 and %3").arg(zoom).arg(some).arg(many)));
    }
    const auto inSight = double(1400 * 900) / (240 * 96);  // blocks at scale 1
    const double near = double(painting(1200, 1) - empty) / inSight;
    const double far = double(painting(1200, 0.05) - empty) / 1200;
    QVERIFY2(far < near / 3, qPrintable(QString("%1 and %2 bytes a block").arg(far).arg(near)));
  }

  void looksRight() {
    const QString folder = qEnvironmentVariable("NW_SCREENSHOTS");
    if (folder.isEmpty()) QSKIP("NW_SCREENSHOTS names no folder");
    QDir().mkpath(folder);
    for (const auto& [kind, theme] :
         {std::pair{ThemeKind::Light, "light"}, std::pair{ThemeKind::Dark, "dark"},
          std::pair{ThemeKind::HighContrast, "contrast"}}) {
      applyTheme(*qApp, kind);
      const auto save = [&, name = theme](QWidget& view, const QString& what) {
        for (int ratio : {1, 2}) {
          const QString file = QString("%1/canvas-%2-%3-%4x.png").arg(folder, what, name);
          QVERIFY(picture(view, ratio).save(file.arg(ratio)));
        }
      };
      Editor whole(lenet());
      save(whole.view, "lenet");
      Editor close(brokenLenet());
      close.show(withUnknown(close.graph()));
      close.view.resetZoom();
      close.view.reveal(9);
      close.view.centerOn(close.scene.nodeRect(9)->center());
      save(close.view, "badge");
      Editor empty({});
      empty.view.setTemplates(
          {{"lenet", "LeNet", "Tells clothes apart on Fashion-MNIST", "image"},
           {"spirals", "Spirals", "Finds a winding border between points", "spirals"},
           {"sine", "A noisy sine", "Fits a curve through noise", "sine"}});
      save(empty.view, "empty");
      Editor wiring(separate());
      QTest::mousePress(wiring.view.viewport(), Qt::LeftButton, {}, wiring.port({1, "output"}));
      wiring.move(wiring.port({1, "output"}) + QPoint(90, 100));
      save(wiring.view, "wiring");
      Editor sideways(lenet());
      sideways.scene.setFlowDirection(FlowDirection::LeftToRight);
      sideways.scene.arrange();
      sideways.view.resetZoom();
      sideways.view.centerOn(sideways.scene.nodeRect(5)->center());
      save(sideways.view, "sideways");
    }
  }

 private:
  static graph::Graph withUnknown(graph::Graph graph) {
    const graph::Node beside = *graph.find(10);
    graph.nodes.push_back({90, "Wormhole", 1, "", {}, beside.x - 240, beside.y, ""});
    graph.wires.push_back({{9, "output"}, {90, "in"}});
    return graph;
  }
};

QTEST_MAIN(TestCanvasPainting)
#include "test_canvas_painting.moc"
