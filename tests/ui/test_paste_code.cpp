#include <QClipboard>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QtTest>

#include "app/windows/workspace.h"
#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/canvas_view.h"

using namespace nw;

namespace {

const char* const kModel =
    "model = nn.Sequential(\n    nn.Linear(2, 8),  # hidden\n"
    "    nn.Tanh(),\n    nn.Linear(8, 2),\n)";

struct Window {
  QTemporaryDir folder;
  app::RecoveryStore recovery{folder.path()};
  app::Workspace workspace{recovery};

  Window() {
    graph::RunSettings run;
    run.data = {"spirals", {}};
    workspace.document().setRun(run);
  }
  void paste(const QString& text) {
    QGuiApplication::clipboard()->setText(text);
    workspace.paste();
  }
  const graph::Graph& graph() { return workspace.document().graph(); }
};

}  // namespace

/// Models go between the drawing and PyTorch code by the clipboard.
class TestPasteCode : public QObject {
  Q_OBJECT

 private slots:
  void a_model_becomes_a_drawing_that_trains() {
    Window window;
    window.paste(kModel);
    QCOMPARE(window.graph().nodes.size(), size_t{5});  // with Input and loss
    QVERIFY(window.workspace.document().inference().ok());
    window.workspace.document().history().undo();
    QVERIFY(window.graph().nodes.empty());
  }

  void into_a_drawing_only_layers_come() {
    Window window;
    window.paste(kModel);
    window.paste("Sequential(\n  (0): ReLU()\n  (1): Dropout(p=0.5, inplace=False)\n)");
    QCOMPARE(window.graph().nodes.size(), size_t{7});
    for (size_t i = 5; i < 7; ++i) {
      QVERIFY(window.graph().nodes[i].x > window.graph().nodes[4].x);
    }
  }

  void what_was_pasted_is_in_sight() {
    Window window;
    widgets::CanvasView* view = window.workspace.canvas();
    view->resize(480, 360);
    view->show();
    QVERIFY(QTest::qWaitForWindowExposed(view));
    window.paste(kModel);
    for (int times = 0; times < 3; ++times) {
      window.paste("nn.Sequential(nn.ReLU(), nn.Dropout(0.5))");
      const QRectF sight = view->mapToScene(view->viewport()->rect()).boundingRect();
      const QVector<graph::NodeId> pasted = view->canvas()->selectedIds();
      QCOMPARE(pasted.size(), 2);
      for (const graph::NodeId id : pasted) {
        QVERIFY(sight.contains(*view->canvas()->nodeRect(id)));
      }
    }
  }

  void the_drawing_becomes_code_that_is_read_back() {
    Window window;
    window.paste(kModel);
    window.workspace.copyCode();
    const QString code = QGuiApplication::clipboard()->text();
    QVERIFY2(code.contains("nn.Linear(2, 8),\n    nn.Tanh(),"), qPrintable(code));
    QVERIFY(code.contains("loss_fn = nn.CrossEntropyLoss()"));
    Window other;
    other.paste(code.left(code.indexOf("loss_fn")));
    QCOMPARE(other.graph().nodes.size(), size_t{5});
    QCOMPARE(other.graph().nodes[1].args, window.graph().nodes[1].args);
  }

  void what_is_no_model_is_refused_with_its_place() {
    Window window;
    QSignalSpy refused(&window.workspace, &app::Workspace::refused);
    window.paste("nn.Sequential(nn.Lineer(2, 3))");
    QCOMPARE(refused.size(), 1);
    const QString text = refused[0][0].toString();
    QVERIFY2(text.contains("line 1, column 15") && text.contains("Linear"), qPrintable(text));
    QVERIFY(window.graph().nodes.empty());
  }
};

QTEST_MAIN(TestPasteCode)
#include "test_paste_code.moc"
