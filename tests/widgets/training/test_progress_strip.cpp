#include <QTest>
#include <QVBoxLayout>

#include "tests/widgets/screenshots.h"
#include "widgets/training/progress_strip.h"

using namespace nw;
using namespace nw::widgets;
using State = ProgressStrip::State;

namespace {

const train::Started kStarted{10, 844, 54'000, 6'000, 10'000, true};
const train::StepDone kStep{.step = 2010,
                            .epoch = 3,
                            .batch = 322,
                            .loss = 0.41,
                            .accuracy = 0.86,
                            .samples_per_second = 41'200.4,
                            .seconds_left = 42};

train::Finished finished(train::Outcome outcome) {
  train::Finished event;
  event.outcome = outcome;
  event.step = 8440;
  event.seconds = 65;
  event.text = "why";
  if (outcome == train::Outcome::Completed) {
    event.test_loss = 0.3;
    event.test_accuracy = 0.884;
  }
  return event;
}

}  // namespace

class TestProgressStrip : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { applyTheme(*qApp, ThemeKind::Light); }

  void followsARun() {
    ProgressStrip strip;
    QCOMPARE(strip.state(), State::Ready);
    strip.setPreparing();
    QVERIFY(strip.text().contains("Preparing"));
    strip.handle(kStarted);
    QCOMPARE(strip.state(), State::Training);
    QCOMPARE(strip.text(), "epoch 1/10");
    strip.handle(kStep);
    QCOMPARE(strip.text(), QString("epoch 3/10 · 41\u202f200 samples/s · 0:42 left"));
    strip.handle(train::Paused{2010});
    QCOMPARE(strip.state(), State::Paused);
    QCOMPARE(strip.text(), "Paused · epoch 3/10 · batch 322/844");
    strip.handle(train::Resumed{2010});
    QCOMPARE(strip.state(), State::Training);
    strip.setStopping();
    QCOMPARE(strip.state(), State::Stopping);
    strip.handle(finished(train::Outcome::Stopped));
    QCOMPARE(strip.text(), QString("Stopped after 8\u202f440 steps · in 1:05"));
  }

  void saysWhatStandsInTheWay() {
    ProgressStrip strip;
    strip.setObstacle("1 problem to solve first");
    QCOMPARE(strip.text(), QString("1 problem to solve first"));
    strip.handle(kStarted);  // what runs goes on, whatever is drawn meanwhile
    QCOMPARE(strip.text(), QString("epoch 1/10"));
    strip.setObstacle({});
    strip.setReady();
    QCOMPARE(strip.text(), QString("Ready to train"));
  }

  void saysHowItEnded() {
    ProgressStrip strip;
    strip.handle(kStarted);
    strip.handle(finished(train::Outcome::Completed));
    QCOMPARE(strip.text(), QString("Finished · test accuracy 88.4\u00a0% · in 1:05"));
    train::Started regression = kStarted;
    regression.classifies = false;
    strip.handle(regression);
    strip.handle(finished(train::Outcome::Completed));
    QVERIFY(strip.text().startsWith("Finished · test loss 0.3000"));
    strip.handle(kStarted);
    strip.handle(finished(train::Outcome::Diverged));
    QCOMPARE(strip.state(), State::Diverged);
    QVERIFY(strip.text().startsWith(QString("Diverged at step 8\u202f440")));
    QCOMPARE(strip.toolTip(), "why");
    strip.setReady();
    QCOMPARE(strip.text(), "Ready to train");
  }

  void theBarFillsWithTheEpoch() {
    ProgressStrip strip;
    strip.resize(480, 32);
    strip.show();
    strip.handle(kStarted);
    const auto filled = [&strip] {
      QTest::qWait(20);
      const QImage image = strip.grab().toImage();
      const QColor accent = Theme::makeLight().accent;
      int most = 0;
      for (int y = 0; y < image.height(); ++y) {
        int row = 0;
        for (int x = 0; x < image.width(); ++x) row += image.pixelColor(x, y) == accent;
        most = std::max(most, row);
      }
      return most;
    };
    train::StepDone step = kStep;
    step.batch = 200;
    strip.handle(step);
    const int early = filled();
    step.batch = 800;
    strip.handle(step);
    QVERIFY2(filled() > 3 * early, qPrintable(QString("%1 after %2").arg(filled()).arg(early)));
  }

  void looks() {
    QWidget all;
    auto* layout = new QVBoxLayout(&all);
    const auto add = [&](auto prepare) {
      auto* strip = new ProgressStrip;
      strip->handle(kStarted);
      strip->handle(kStep);
      prepare(*strip);
      layout->addWidget(strip);
    };
    add([](ProgressStrip& strip) { strip.setReady(); });
    add([](ProgressStrip&) {});
    add([](ProgressStrip& strip) { strip.handle(train::Paused{2010}); });
    add([](ProgressStrip& strip) { strip.handle(finished(train::Outcome::Completed)); });
    add([](ProgressStrip& strip) { strip.handle(finished(train::Outcome::Diverged)); });
    all.resize(480, 220);
    all.show();
    test::screenshots(all, "progress");
  }
};

QTEST_MAIN(TestProgressStrip)
#include "test_progress_strip.moc"
