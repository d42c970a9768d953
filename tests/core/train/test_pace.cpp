#include <QTest>
#include <cmath>
#include <thread>

#include "core/train/pace.h"

using namespace nw::train;

class TestPace : public QObject {
  Q_OBJECT

 private slots:
  void measuresTheLastSecond() {
    Pace pace;
    pace.begin(10, 100000, 0);
    double now = 10;
    for (int i = 0; i < 100; ++i) pace.trained(now += 0.1, 10);  // 100 samples a second
    QVERIFY(std::abs(pace.samples_per_second(now) - 100) < 1);
    for (int i = 0; i < 10; ++i) pace.trained(now += 0.1, 50);  // 500, for one second
    QVERIFY(std::abs(pace.samples_per_second(now) - 500) < 5);
    QVERIFY(std::abs(pace.seconds_left(now) - (100000 - 1000 - 500) / 500.0) < 3);
  }

  void evaluationIsNoPartOfTheRate() {
    Pace pace;
    pace.begin(0, 1000, 2000);
    pace.trained(0.1, 10);
    QVERIFY(std::abs(pace.seconds_left(0.1) - (9.9 + 2000 / 300.0)) < 1e-6);  // a guess at first
    pace.evaluated(0.1, 5.1, 1000);                                           // 200 a second
    QVERIFY(std::abs(pace.samples_per_second(5.1) - 100) < 1e-6);
    QVERIFY(std::abs(pace.seconds_left(5.1) - (9.9 + 5)) < 1e-6);
  }

  void aClockStandsStillInAPause() {
    RunClock clock;
    clock.pause();
    const double paused_at = clock.seconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    QCOMPARE(clock.seconds(), paused_at);
    clock.resume();
    QVERIFY(clock.seconds() < paused_at + 0.25);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    QVERIFY(clock.seconds() >= paused_at + 0.005);
  }
};

QTEST_GUILESS_MAIN(TestPace)
#include "test_pace.moc"
