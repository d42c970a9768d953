#include <ctime>

#include "app/document/examples.h"
#include "app/training/run_process.h"
#include "tests/ui/turn_watch.h"
#include "tests/ui/window_driver.h"
#include "widgets/charts/curves_chart.h"

using namespace nw;
using namespace nw::test;

/// A run in many processes of a network so small that they tell of little else than steps: the
/// window must stay free.
class TestRanksResponsive : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { widgets::applyTheme(*qApp, widgets::ThemeKind::Light); }
  void eventsAreReadWhileTheWindowIsBusy();
  void eightProcessesLeaveTheWindowFree();
};

namespace {

constexpr double kUsablyLateMs = 1000;  // more means that the window hangs

graph::Project tinyProject(int processes) {
  graph::Project project = std::get<graph::Project>(app::readExample("spirals"));
  project.run.device = "cpu*" + std::to_string(processes);
  project.run.epochs = 100000;
  return project;
}

double cpuMsOfThisThread() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) * 1e3 + double(now.tv_nsec) / 1e6;
}

}  // namespace

void TestRanksResponsive::eventsAreReadWhileTheWindowIsBusy() {
  app::RunProcess run(tinyProject(2), app::ActiveRun::Begin::Running);
  // No event loop turns here, as while a dialog of the desktop or a slow edit holds the window.
  QElapsedTimer clock;
  clock.start();
  size_t steps = 0;
  while (steps < 20 && clock.elapsed() < 20000 * patience()) {
    QThread::msleep(20);
    for (const train::RunEvent& event : run.takeEvents()) {
      if (std::holds_alternative<train::StepDone>(event)) ++steps;
    }
  }
  QVERIFY2(steps >= 20, qPrintable(QString("%1 steps were read").arg(steps)));
}

void TestRanksResponsive::eightProcessesLeaveTheWindowFree() {
  auto& watch = static_cast<WatchfulApplication&>(*qApp);
  WindowDriver hand;
  QVERIFY(hand.show());
  hand.window().openExample("spirals");
  hand.document().setRun(tinyProject(8).run);
  hand.clickAction(hand.window().trainBar().trainAction());
  const auto& drawn = hand.window().current().chart()->history().steps();
  QVERIFY(runUntil([&] { return drawn.size() > 20; }, 120000));

  watch.reset();
  watch.setWatching(true);
  const size_t before = drawn.size();
  const double cpuBefore = cpuMsOfThisThread();
  QElapsedTimer clock;
  clock.start();
  Heartbeat heartbeat;
  runUntil([&] { return clock.elapsed() > 8000; }, 30000);
  heartbeat.pause();
  watch.setWatching(false);
  const double cpu = cpuMsOfThisThread() - cpuBefore;
  const auto steps = double(drawn.size() - before);
  qInfo(
      "%.0f steps of 8 processes in %.1f s: the window's thread was busy %.0f %% of the time; "
      "longest event %.1f ms (%s), longest turn of the loop %.1f ms",
      steps, double(clock.elapsed()) / 1e3, 100 * cpu / double(clock.elapsed()),
      watch.longestEventMs(), qPrintable(watch.longestEventName()), heartbeat.latestMs());
  QVERIFY(steps > 20);
  QVERIFY(watch.longestEventMs() < kUsablyLateMs);
  QVERIFY(heartbeat.latestMs() < kUsablyLateMs);
  hand.session().finish();
}

int main(int argc, char** argv) {
  WatchfulApplication application(argc, argv);
  TestRanksResponsive test;
  return QTest::qExec(&test, argc, argv);
}

#include "test_ranks_responsive.moc"
