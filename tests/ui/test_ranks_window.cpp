#include <QDir>
#include <QFile>
#include <QMenu>
#include <QSignalSpy>
#include <csignal>

#include "app/windows/device_button.h"
#include "core/io/state_file.h"
#include "tests/ui/window_driver.h"
#include "widgets/charts/curves_chart.h"
#include "widgets/training/rank_strip.h"

using namespace nw;
using namespace nw::test;
using State = app::TrainingSession::State;

/// A run in several processes, chosen and steered by hand in the window.
class TestRanksWindow : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { widgets::applyTheme(*qApp, widgets::ThemeKind::Light); }
  void onTwoProcessesTheCurvesAreThoseOfOne();
  void aLostProcessIsToldAndTheWindowGoesOn();
  void aLostRunGoesOnFromItsCheckpoint();
  void aStoppedProcessIsTold();
  void aKilledLauncherIsToldAndLeavesNothing();
  void theDrawingMayChangeWhileItRuns();
  void closingTheWindowEndsAll_data();
  void closingTheWindowEndsAll();
  void whatCannotStartIsTold();
};

namespace {

/// The processes that a process has started.
std::vector<pid_t> childrenOf(pid_t parent) {
  std::vector<pid_t> found;
  for (const QString& entry : QDir("/proc").entryList(QDir::Dirs)) {
    QFile stat("/proc/" + entry + "/stat");
    if (entry.toInt() == 0 || !stat.open(QIODevice::ReadOnly)) continue;
    const QByteArray text = stat.readAll();
    // After the name, which may hold anything: state, parent.
    const QList<QByteArray> words = text.mid(text.lastIndexOf(')') + 2).split(' ');
    if (words.size() > 1 && words[1].toInt() == parent) found.push_back(entry.toInt());
  }
  return found;
}

/// The ranks of the run of this program.
std::vector<pid_t> ranks() {
  std::vector<pid_t> found;
  for (const pid_t launcher : childrenOf(getpid())) {
    const std::vector<pid_t> children = childrenOf(launcher);
    found.insert(found.end(), children.begin(), children.end());
  }
  return found;
}

/// By the pointer, in the menu of the tool bar.
void chooseDevice(WindowDriver& hand, const QString& title) {
  auto* button = hand.window().trainBar().findChild<app::DeviceButton*>();
  bool clicked = false;
  QTimer::singleShot(100, button, [&] {
    QMenu* menu = button->menu();
    for (QAction* action : menu->actions()) {
      if (action->text() != title) continue;
      QTest::mouseClick(menu, Qt::LeftButton, {}, menu->actionGeometry(action).center());
      clicked = true;
    }
    menu->close();
  });
  QTest::mouseClick(button, Qt::LeftButton);
  QVERIFY(runUntil([&] { return clicked; }));
}

/// The two-layer example, with so many epochs.
void open(WindowDriver& hand, int64_t epochs) {
  QVERIFY(hand.show());
  hand.window().openExample("spirals");
  graph::RunSettings settings = hand.document().project().run;
  settings.epochs = epochs;
  hand.document().setRun(settings);
}

size_t stepsOf(WindowDriver& hand) {
  return hand.window().current().chart()->history().steps().size();
}

/// A long run in two processes, under way.
void startRanks(WindowDriver& hand) {
  open(hand, 100000);
  chooseDevice(hand, "CPU, 2 processes");
  hand.clickAction(hand.window().trainBar().trainAction());
  QVERIFY(runUntil([&] { return stepsOf(hand) > 10; }, 60000));
}

/// Whether none of the processes is left.
bool gone(const std::vector<pid_t>& processes) {
  return std::all_of(processes.begin(), processes.end(),
                     [](pid_t process) { return kill(process, 0) != 0; });
}

}  // namespace

void TestRanksWindow::onTwoProcessesTheCurvesAreThoseOfOne() {
  WindowDriver hand;
  open(hand, 3);
  app::Workspace& here = hand.window().current();
  hand.clickAction(hand.window().trainBar().trainAction());
  QVERIFY(
      runUntil([&] { return hand.session().hasWeights() && !hand.session().isActive(); }, 60000));
  const auto alone = here.chart()->history().steps();
  QVERIFY(!here.ranks()->isVisible());

  chooseDevice(hand, "CPU, 2 processes");
  QCOMPARE(hand.document().project().run.device, std::string("cpu*2"));
  hand.clickAction(hand.window().trainBar().trainAction());
  QVERIFY(runUntil([&] { return here.ranks()->rows() == 2; }, 60000));
  QVERIFY(runUntil([&] { return !hand.session().isActive(); }, 60000));
  const auto& together = here.chart()->history().steps();
  QCOMPARE(together.size(), alone.size());
  for (size_t i = 0; i < alone.size(); ++i) {
    const double difference = std::abs(together[i].loss.mean - alone[i].loss.mean);
    QVERIFY2(difference < 1e-3, qPrintable(QString("step %1: %2").arg(i).arg(difference)));
  }
  QVERIFY(here.ranks()->isVisible());
  QVERIFY2(here.ranks()->rowText(1).startsWith("rank 1 · cpu: "),
           qPrintable(here.ranks()->rowText(1)));
  QTest::qWait(100);
  screenshot(hand.window(), "ranks-light");
  widgets::applyTheme(*qApp, widgets::ThemeKind::Dark);
  QTest::qWait(100);
  screenshot(hand.window(), "ranks-dark");
  widgets::applyTheme(*qApp, widgets::ThemeKind::Light);

  const QString file = hand.path("spirals.safetensors");
  QSignalSpy exported(&hand.session(), &app::TrainingSession::exported);
  hand.session().exportWeights(file, io::StateFormat::Safetensors);
  QVERIFY(runUntil([&] { return exported.size() == 1; }));
  QCOMPARE(exported[0][1].toString(), QString());
  QVERIFY(!io::load_state(file.toStdString()).entries.empty());
}

void TestRanksWindow::aLostProcessIsToldAndTheWindowGoesOn() {
  WindowDriver hand;
  open(hand, 100000);
  app::Workspace& here = hand.window().current();
  chooseDevice(hand, "CPU, 2 processes");
  hand.clickAction(hand.window().trainBar().trainAction());
  QVERIFY(runUntil([&] { return here.chart()->history().steps().size() > 20; }, 60000));

  hand.clickAction(hand.window().trainBar().pauseAction());
  QVERIFY(runUntil([&] { return hand.session().state() == State::Paused; }));
  const size_t paused = here.chart()->history().steps().size();
  hand.clickAction(hand.window().trainBar().stepAction());
  QVERIFY(runUntil([&] { return here.chart()->history().steps().size() == paused + 1; }));
  QTest::qWait(200);
  QCOMPARE(here.chart()->history().steps().size(), paused + 1);
  hand.clickAction(hand.window().trainBar().trainAction());
  QVERIFY(runUntil([&] { return here.chart()->history().steps().size() > paused + 20; }));

  const std::vector<pid_t> processes = ranks();
  QCOMPARE(processes.size(), size_t{2});
  QSignalSpy failed(&here, &app::Workspace::runFailed);
  kill(processes[1], SIGKILL);
  QVERIFY(runUntil([&] { return !hand.session().isActive(); }, 20000));
  QCOMPARE(failed.size(), 1);
  const QString text = failed[0][0].toString();
  QVERIFY2(text.contains("rank ") && text.contains("SIGKILL. ") && text.contains("Resume"),
           qPrintable(text));
  // The strip names the rank with its device and says what became of it.
  QStringList marked;
  for (int row = 0; row < here.ranks()->rows(); ++row) {
    const QString told = here.ranks()->rowText(row);
    if (told.contains("was killed by SIGKILL")) marked << told;
  }
  QCOMPARE(marked.size(), 1);
  QVERIFY2(marked[0].contains(" · cpu "), qPrintable(marked[0]));
  QVERIFY(here.ranks()->accessibleDescription().contains(marked[0]));
  QVERIFY2(text.contains("(cpu on "), qPrintable(text));
  QTest::qWait(100);
  screenshot(hand.window(), "ranks-lost-light");
  for (const pid_t process : processes) QVERIFY(kill(process, 0) != 0);

  // The next run, and its end by hand.
  hand.clickAction(hand.window().trainBar().trainAction());
  QVERIFY(runUntil([&] { return here.chart()->history().steps().size() > 20; }, 60000));
  const std::vector<pid_t> next = ranks();
  hand.clickAction(hand.window().trainBar().stopAction());
  QVERIFY(runUntil([&] { return !hand.session().isActive(); }, 20000));
  QCOMPARE(failed.size(), 1);
  QVERIFY(runUntil([&] { return ranks().empty(); }));
  QVERIFY(hand.session().hasWeights());
}

void TestRanksWindow::aLostRunGoesOnFromItsCheckpoint() {
  WindowDriver hand;
  startRanks(hand);
  app::Workspace& here = hand.window().current();
  const auto epochs = [&] { return here.chart()->history().epochs().size(); };
  QVERIFY(runUntil([&] { return epochs() >= 2; }, 60000));
  // Edits in the meantime are not the run's.
  const NodeId relu = hand.append("ReLU");
  kill(ranks()[0], SIGKILL);
  QVERIFY(runUntil([&] { return !hand.session().isActive(); }));
  QVERIFY(hand.session().canGoOn());
  const int64_t kept = here.chart()->history().epochs().back().step;
  const int64_t lost = here.chart()->history().steps().back().step;
  const auto* bar = hand.window().messages().findChild<QWidget*>("run");
  auto* resume = bar->findChild<QAbstractButton*>("messageAction");
  QVERIFY(resume->isVisible());
  QCOMPARE(resume->text(), QString("Resume"));

  // On another number of processes: the batches stay as they are.
  chooseDevice(hand, "CPU, 4 processes");
  QTest::mouseClick(resume, Qt::LeftButton);
  QVERIFY(hand.window().messages().text("run").isEmpty());
  QVERIFY(!hand.session().canGoOn());
  QVERIFY(runUntil([&] { return here.ranks()->rows() == 4; }, 60000));
  QVERIFY(runUntil([&] { return here.chart()->history().steps().back().step > lost + 20; }, 60000));
  // One curve: what was lost has been trained anew, from the step after the last whole epoch.
  const auto& steps = here.chart()->history().steps();
  for (size_t i = 1; i < steps.size(); ++i) {
    QVERIFY2(steps[i].step > steps[i - 1].step,
             qPrintable(QString("%1 after %2").arg(steps[i].step).arg(steps[i - 1].step)));
  }
  QVERIFY(kept <= lost);
  QCOMPARE(steps.front().step, int64_t{1});
  QVERIFY(hand.graph().find(relu));
  hand.clickAction(hand.window().trainBar().stopAction());
  QVERIFY(runUntil([&] { return !hand.session().isActive(); }));
  QVERIFY(!hand.session().canGoOn());
}

/// A process that is stopped says nothing: only its silence can be told, after the time that the
/// run allows for it.
void TestRanksWindow::aStoppedProcessIsTold() {
  WindowDriver hand;
  startRanks(hand);
  const std::vector<pid_t> processes = ranks();
  QCOMPARE(processes.size(), size_t{2});
  QSignalSpy failed(&hand.window().current(), &app::Workspace::runFailed);
  kill(processes[1], SIGSTOP);
  QVERIFY(runUntil([&] { return !hand.session().isActive(); }, 60000));
  QCOMPARE(failed.size(), 1);
  const QString text = failed[0][0].toString();
  QVERIFY2(text.contains("rank 1 (cpu on "), qPrintable(text));
  QVERIFY(runUntil([&] { return gone(processes); }));
}

void TestRanksWindow::aKilledLauncherIsToldAndLeavesNothing() {
  WindowDriver hand;
  startRanks(hand);
  const std::vector<pid_t> launchers = childrenOf(getpid());
  const std::vector<pid_t> processes = ranks();
  QCOMPARE(launchers.size(), size_t{1});
  QCOMPARE(processes.size(), size_t{2});
  QSignalSpy failed(&hand.window().current(), &app::Workspace::runFailed);
  kill(launchers[0], SIGKILL);
  QVERIFY(runUntil([&] { return !hand.session().isActive(); }));
  QCOMPARE(failed.size(), 1);
  const QString text = failed[0][0].toString();
  QVERIFY2(text.contains("SIGKILL") && text.contains("press Train"), qPrintable(text));
  QVERIFY(runUntil([&] { return gone(processes); }));
  QVERIFY(hand.window().messages().text("run").contains("SIGKILL"));
  // Again, as if nothing had been.
  hand.clickAction(hand.window().trainBar().trainAction());
  QVERIFY(runUntil([&] { return stepsOf(hand) > 10; }, 60000));
  QVERIFY(hand.window().messages().text("run").isEmpty());
  hand.clickAction(hand.window().trainBar().stopAction());
  QVERIFY(runUntil([&] { return !hand.session().isActive(); }));
  QCOMPARE(failed.size(), 1);
}

void TestRanksWindow::theDrawingMayChangeWhileItRuns() {
  WindowDriver hand;
  startRanks(hand);
  const size_t blocks = hand.graph().nodes.size();
  hand.clickNode(hand.graph().nodes[2].id);
  hand.append("ReLU");
  hand.clickNode(hand.graph().nodes[1].id);
  hand.key(Qt::Key_Delete);
  QCOMPARE(hand.graph().nodes.size(), blocks);
  const size_t before = stepsOf(hand);
  QVERIFY(runUntil([&] { return stepsOf(hand) > before + 10; }, 60000));
  QCOMPARE(hand.session().state(), State::Running);
  hand.clickAction(hand.window().trainBar().stopAction());
  QVERIFY(runUntil([&] { return !hand.session().isActive(); }));
  QVERIFY(hand.window().messages().text("run").isEmpty());
}

void TestRanksWindow::closingTheWindowEndsAll_data() {
  QTest::addColumn<bool>("paused");
  QTest::newRow("running") << false;
  QTest::newRow("paused") << true;
}

void TestRanksWindow::closingTheWindowEndsAll() {
  QFETCH(bool, paused);
  WindowDriver hand;
  startRanks(hand);
  if (paused) {
    hand.clickAction(hand.window().trainBar().pauseAction());
    QVERIFY(runUntil([&] { return hand.session().state() == State::Paused; }));
  }
  std::vector<pid_t> processes = ranks();
  QCOMPARE(processes.size(), size_t{2});
  for (const pid_t launcher : childrenOf(getpid())) processes.push_back(launcher);
  whenAsked(QMessageBox::Discard);
  QElapsedTimer clock;
  clock.start();
  QVERIFY(hand.window().close());
  QVERIFY(clock.elapsed() < 8000 * patience());
  QVERIFY(runUntil([&] { return gone(processes); }));
}

void TestRanksWindow::whatCannotStartIsTold() {
  WindowDriver hand;
  open(hand, 1);
  graph::RunSettings settings = hand.document().project().run;
  settings.device = "cuda:0, cuda:1";
  hand.document().setRun(settings);
  QSignalSpy failed(&hand.window().current(), &app::Workspace::runFailed);
  hand.window().current().train();
  QVERIFY(runUntil([&] { return failed.size() == 1; }, 20000));
  QVERIFY2(failed[0][0].toString().contains("cuda"), qPrintable(failed[0][0].toString()));
  QVERIFY(!hand.session().isActive());
}

QTEST_MAIN(TestRanksWindow)
#include "test_ranks_window.moc"
