#include <QAbstractItemModelTester>
#include <QLabel>
#include <QListView>
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>
#include <QVBoxLayout>

#include "tests/widgets/screenshots.h"
#include "widgets/problems/message_bar.h"
#include "widgets/problems/problems_delegate.h"
#include "widgets/problems/problems_panel.h"

using namespace nw;
using namespace nw::widgets;

namespace {

const QHash<graph::NodeId, QString> kNames = {{3, "pool1"}, {5, "fc1"}};

QVector<graph::Problem> sample() {
  graph::Problem hint{
      graph::Severity::Info, 3, "", "[MaxPool2d] drops the last row and column", {}};
  graph::Problem mismatch{graph::Severity::Error,
                          5,
                          "input",
                          "[Linear] expects 400 features on the last dimension, gets 576 (16×6×6)",
                          {{"Set in_features to 576", 5, "in_features", int64_t{576}},
                           {"Set in_features to automatic", 5, "in_features", nn::None{}}}};
  graph::Problem whole{graph::Severity::Warning,
                       graph::kNoNode,
                       "",
                       "Softmax before CrossEntropyLoss flattens the gradients: the loss has its "
                       "own log-softmax inside.",
                       {}};
  return {hint, whole, mismatch};
}

struct Fixture {
  ProblemsPanel panel;
  QSignalSpy nodes{&panel, &ProblemsPanel::nodeActivated};
  QSignalSpy fixes{&panel, &ProblemsPanel::fixRequested};

  Fixture() {
    panel.resize(700, 220);
    panel.setProblems(sample(), kNames);
    panel.show();
    QApplication::setActiveWindow(&panel);
    panel.view()->setFocus();
    QTest::qWait(20);
  }
  QModelIndex row(int at) const { return panel.model()->index(at); }
  const ProblemsDelegate* delegate() const {
    return qobject_cast<ProblemsDelegate*>(panel.view()->itemDelegate());
  }
};

}  // namespace

class TestProblemsPanel : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { applyTheme(*qApp, ThemeKind::Light); }

  void theModelKeepsItsPromises() {
    ProblemsModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    model.setProblems(sample(), kNames);
    QCOMPARE(model.rowCount(), 3);
    model.setProblems({}, {});
    QCOMPARE(model.rowCount(), 0);
    model.setProblems(sample(), kNames);
    QVERIFY(!model.data(model.index(7), Qt::DisplayRole).isValid());
  }

  void errorsComeFirst() {
    Fixture f;
    QCOMPARE(f.panel.count(), 3);
    QVERIFY(f.row(0).data().toString().startsWith("fc1: [Linear]"));
    QVERIFY(f.row(1).data().toString().startsWith("Softmax"));
    QVERIFY(f.row(0).data(Qt::AccessibleTextRole).toString().startsWith("Error"));
  }

  void enterAndDoubleClickLeadToTheBlock() {
    Fixture f;
    f.panel.view()->setCurrentIndex(f.row(0));
    QTest::keyClick(f.panel.view(), Qt::Key_Return);
    QCOMPARE(f.nodes.count(), 1);
    QCOMPARE(f.nodes[0][0].value<graph::NodeId>(), graph::NodeId{5});
    const QPoint at = f.panel.view()->visualRect(f.row(2)).topLeft() + QPoint(40, 12);
    QTest::mouseClick(f.panel.view()->viewport(), Qt::LeftButton, {}, at);
    QTest::mouseDClick(f.panel.view()->viewport(), Qt::LeftButton, {}, at);
    QCOMPARE(f.nodes.count(), 2);
    QCOMPARE(f.nodes[1][0].value<graph::NodeId>(), graph::NodeId{3});
    f.panel.view()->setCurrentIndex(f.row(1));  // the network as a whole has no block to go to
    QTest::keyClick(f.panel.view(), Qt::Key_Return);
    QCOMPARE(f.nodes.count(), 2);
  }

  void fixesAreLinks() {
    Fixture f;
    const QRect row = f.panel.view()->visualRect(f.row(0));
    const QRect second = f.delegate()->linkRect(f.row(0), row, 1);
    QVERIFY(row.contains(second));
    QTest::mouseClick(f.panel.view()->viewport(), Qt::LeftButton, {}, second.center());
    QCOMPARE(f.fixes.count(), 1);
    QVERIFY(std::holds_alternative<nn::None>(f.fixes[0][0].value<graph::Fix>().value));
    QTest::mouseClick(f.panel.view()->viewport(), Qt::LeftButton, {}, row.topLeft() + QPoint(3, 3));
    QCOMPARE(f.fixes.count(), 1);
    f.panel.view()->setCurrentIndex(f.row(0));
    QTest::keyClick(f.panel.view(), Qt::Key_Return, Qt::AltModifier);
    QCOMPARE(f.fixes.count(), 2);
    QCOMPARE(f.fixes[1][0].value<graph::Fix>().value, nn::Value(int64_t{576}));
    QCOMPARE(f.nodes.count(), 0);
  }

  void aFixMayEmptyTheListUnderItself() {
    Fixture f;
    QObject::connect(&f.panel, &ProblemsPanel::fixRequested, &f.panel,
                     [&f] { f.panel.setProblems({}, {}); });
    const QRect row = f.panel.view()->visualRect(f.row(0));
    QTest::mouseClick(f.panel.view()->viewport(), Qt::LeftButton, {},
                      f.delegate()->linkRect(f.row(0), row, 0).center());
    QCOMPARE(f.fixes.count(), 1);
    QVERIFY(!f.panel.view()->isVisible());
  }

  void textWrapsInNarrowPanels() {
    Fixture f;
    const int wide = f.panel.view()->visualRect(f.row(1)).height();
    f.panel.resize(320, 400);
    QTRY_VERIFY(f.panel.view()->visualRect(f.row(1)).height() > wide);
  }

  void messageBarActsAndCloses() {
    MessageBar bar;
    QSignalSpy action(&bar, &MessageBar::actionTriggered);
    QSignalSpy dismissed(&bar, &MessageBar::dismissed);
    QVERIFY(bar.isHidden());
    bar.showMessage(MessageBar::Tone::Warning, "The loss became NaN at step 12.", "Halve lr");
    QVERIFY(bar.isVisible());
    auto* button = bar.findChild<QPushButton*>("messageAction");
    QTest::mouseClick(button, Qt::LeftButton);
    QCOMPARE(action.count(), 1);
    QTest::mouseClick(bar.findChild<QToolButton*>("messageClose"), Qt::LeftButton);
    QCOMPARE(dismissed.count(), 1);
    QVERIFY(bar.isHidden());
    bar.showMessage(MessageBar::Tone::Info, "Saved.");
    QVERIFY(!button->isVisible());
    QTest::keyClick(&bar, Qt::Key_Escape);
    QCOMPARE(dismissed.count(), 2);
  }

  void looks() {
    Fixture f;
    test::screenshots(f.panel, "problems");
    QWidget bars;
    auto* layout = new QVBoxLayout(&bars);
    layout->setSpacing(8);
    using Tone = MessageBar::Tone;
    for (Tone tone : {Tone::Info, Tone::Success, Tone::Warning, Tone::Error}) {
      auto* bar = new MessageBar;
      layout->addWidget(bar);
      bar->showMessage(tone, "The loss became NaN at step 1 204. The model is kept as it was.",
                       tone == Tone::Warning ? "Halve the learning rate" : QString());
    }
    bars.resize(640, 240);
    bars.show();
    test::screenshots(bars, "message-bars");
  }
};

QTEST_MAIN(TestProblemsPanel)
#include "test_problems_panel.moc"
