#include <QAbstractButton>
#include <QLabel>
#include <QToolBar>
#include <QToolButton>

#include "tests/ui/window_driver.h"
#include "widgets/charts/curves_chart.h"
#include "widgets/training/rank_strip.h"

using namespace nw;
using namespace nw::test;

/// The whole window in the states that people meet, at the sizes of common screens and in every
/// theme: pictures of each, and nothing in them cut off.
class TestWindowLooks : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { widgets::applyTheme(*qApp, widgets::ThemeKind::Light); }
  void everyState_data();
  void everyState();
};

namespace {

void openExample(WindowDriver& hand, const QString& name, int64_t epochs) {
  hand.window().openExample(name);
  graph::RunSettings settings = hand.document().project().run;
  settings.epochs = epochs;
  hand.document().setRun(settings);
}

bool trainSteps(WindowDriver& hand, size_t steps) {
  hand.clickAction(hand.window().trainBar().trainAction());
  return runUntil([&] { return hand.window().current().chart()->history().steps().size() > steps; },
                  60000);
}

/// Brings the window into a state by name.
void enter(WindowDriver& hand, const QString& state) {
  if (state == "welcome") return;
  if (state == "example") return hand.window().openExample("lenet");
  if (state == "training") {
    openExample(hand, "spirals", 100000);
    QVERIFY(trainSteps(hand, 400));
    return;
  }
  if (state == "trained") {
    openExample(hand, "spirals", 60);
    hand.clickAction(hand.window().trainBar().trainAction());
    QVERIFY(
        runUntil([&] { return hand.session().hasWeights() && !hand.session().isActive(); }, 60000));
    hand.clickNode(hand.graph().nodes[1].id);
    return;
  }
  if (state == "ranks") {
    openExample(hand, "spirals", 100000);
    graph::RunSettings settings = hand.document().project().run;
    settings.device = "cpu*4";
    hand.document().setRun(settings);
    QVERIFY(trainSteps(hand, 60));
    return;
  }
  QCOMPARE(state, QString("error"));
  hand.window().openExample("lenet");
  for (const graph::Node& node : hand.graph().nodes) {
    if (node.block != "Linear") continue;
    hand.document().setArg(node.id, "in_features", int64_t{576});
    hand.view().reveal(node.id);
    break;
  }
  hand.clickAction(hand.window().trainBar().trainAction());
}

/// The texts of visible labels and buttons that have less room than they need.
QStringList cutOff(QWidget& window) {
  QStringList found;
  for (const QWidget* widget : window.findChildren<QWidget*>()) {
    if (!widget->isVisible()) continue;
    QString text;
    bool wraps = false;
    if (const auto* label = qobject_cast<const QLabel*>(widget)) {
      text = label->text();
      wraps = label->wordWrap();
    } else if (const auto* button = qobject_cast<const QAbstractButton*>(widget)) {
      text = button->text();
      const auto* tool = qobject_cast<const QToolButton*>(button);
      if (tool && tool->toolButtonStyle() == Qt::ToolButtonIconOnly) continue;
    }
    if (text.isEmpty()) continue;
    const QSize needed = widget->sizeHint();
    const bool narrow = !wraps && widget->width() < needed.width();
    const bool low = wraps ? widget->hasHeightForWidth() &&
                                 widget->height() < widget->heightForWidth(widget->width())
                           : widget->height() < widget->minimumSizeHint().height();
    if (narrow || low) {
      found << QString("“%1” has %2×%3, needs %4×%5")
                   .arg(text)
                   .arg(widget->width())
                   .arg(widget->height())
                   .arg(needed.width())
                   .arg(needed.height());
    }
  }
  return found;
}

}  // namespace

void TestWindowLooks::everyState_data() {
  QTest::addColumn<QString>("state");
  QTest::addColumn<QSize>("size");
  for (const char* state : {"welcome", "example", "training", "trained", "ranks", "error"}) {
    for (const QSize size : {QSize(1366, 768), QSize(1920, 1080)}) {
      QTest::addRow("%s-%d", state, size.width()) << QString(state) << size;
    }
  }
}

void TestWindowLooks::everyState() {
  QFETCH(QString, state);
  QFETCH(QSize, size);
  WindowDriver hand;
  QVERIFY(hand.show());
  hand.window().resize(size);
  enter(hand, state);
  const std::pair<widgets::ThemeKind, const char*> themes[] = {
      {widgets::ThemeKind::Dark, "dark"},
      {widgets::ThemeKind::HighContrast, "contrast"},
      {widgets::ThemeKind::Light, "light"}};
  for (const auto& [kind, name] : themes) {
    widgets::applyTheme(*qApp, kind);
    QTest::qWait(150);
    screenshot(hand.window(), QString("look-%1-%2-%3").arg(state).arg(size.width()).arg(name));
    QCoreApplication::sendPostedEvents();  // a figure that has just come has its place
    const QStringList cut = cutOff(hand.window());
    QVERIFY2(cut.isEmpty(), qPrintable(cut.join("; ")));
  }
  hand.session().finish();
}

int main(int argc, char** argv) {
  QApplication::setAttribute(Qt::AA_DontUseNativeDialogs);
  QApplication application(argc, argv);
  TestWindowLooks test;
  return QTest::qExec(&test, argc, argv);
}

#include "test_window_looks.moc"
