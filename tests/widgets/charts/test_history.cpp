#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>
#include <cmath>
#include <limits>
#include <random>

#include "widgets/charts/curve_data.h"
#include "widgets/charts/curves_file.h"
#include "widgets/charts/history.h"

using namespace nw::widgets;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

QString written(const QString& path, const QByteArray& text) {
  QFile file(path);
  if (!file.open(QIODevice::WriteOnly)) qFatal("cannot write %s", qPrintable(path));
  file.write(text);
  return path;
}

}  // namespace

class TestHistory : public QObject {
  Q_OBJECT

 private slots:
  void keepsEverySpikeInBoundedMemory() {
    History history;
    std::mt19937 random(3);
    std::uniform_real_distribution<double> draw(0.1, 1);
    const int64_t steps = 1'000'003;
    double sum = 0;
    for (int64_t step = 1; step <= steps; ++step) {
      const double loss = step == 4321 ? 50 : step == 777'777 ? -3 : draw(random);
      sum += loss;
      history.addStep(step, 1 + step / 1000, loss, 0.5);
    }
    QVERIFY(history.steps().size() <= History::kMaxPoints);
    QVERIFY(history.steps().size() > History::kMaxPoints / 4);
    int64_t count = 0;
    double total = 0, low = 1e9, high = -1e9;
    for (const StepPoint& point : history.steps()) {
      count += point.count;
      total += point.loss.mean * double(point.count);
      low = std::min(low, point.loss.min);
      high = std::max(high, point.loss.max);
      QVERIFY(point.count <= history.stepsPerPoint());
      QVERIFY(point.loss.min <= point.loss.mean && point.loss.mean <= point.loss.max);
    }
    QCOMPARE(count, steps);
    QCOMPARE(history.steps().back().step, steps);
    QCOMPARE(low, -3.0);
    QCOMPARE(high, 50.0);
    QVERIFY(std::abs(total - sum) < 1e-6 * std::abs(sum));
  }

  void anEarlierStepTakesBackWhatFollowed() {
    History history;
    for (int64_t step = 1; step <= 50; ++step) {
      history.addStep(step, 1 + (step - 1) / 20, 1, 0);
      if (step % 20 == 0) history.addEpoch({step, step / 20, 0.5, std::nullopt});
    }
    QCOMPARE(history.epochs().size(), size_t{2});
    history.addStep(21, 2, 7, 0);  // on from the checkpoint at the end of the first epoch
    QCOMPARE(history.steps().size(), size_t{21});
    QCOMPARE(history.steps().back().loss.mean, 7.0);
    QCOMPARE(history.steps()[19].step, int64_t{20});
    QCOMPARE(history.epochs().size(), size_t{1});
    QCOMPARE(history.epochs().back().step, int64_t{20});
  }

  void smoothingHasNoBiasAtItsStart() {
    History constant, ramp;
    for (int64_t i = 1; i <= 50; ++i) {
      constant.addStep(i, 1, 2.5, 0);
      ramp.addStep(i, 1, double(i), 0);
    }
    for (double value : smoothed(constant.steps(), &StepPoint::loss, 0.98)) {
      QVERIFY(std::abs(value - 2.5) < 1e-12);
    }
    // Against the definition: weights amount^(n−i), normalised.
    const std::vector<double> curve = smoothed(ramp.steps(), &StepPoint::loss, 0.9);
    for (int n = 1; n <= 50; ++n) {
      double top = 0, bottom = 0;
      for (int i = 1; i <= n; ++i) {
        top += std::pow(0.9, n - i) * i;
        bottom += std::pow(0.9, n - i);
      }
      QVERIFY(std::abs(curve[size_t(n - 1)] - top / bottom) < 1e-9);
    }
  }

  void smoothingOfThinnedPointsWeighsTheirSteps() {
    // Two steps of 1, then two of 3, as two points of two steps each.
    const std::vector<StepPoint> points = {{2, 1, 2, {1, 1, 1}, {}}, {4, 1, 2, {3, 3, 3}, {}}};
    const double a = 0.8, w = a * a;
    const std::vector<double> curve = smoothed(points, &StepPoint::loss, a);
    QVERIFY(std::abs(curve[0] - 1) < 1e-12);
    const double exact = (w * (1 - w) * 1 + (1 - w) * 3) / (w * (1 - w) + (1 - w));
    QVERIFY(std::abs(curve[1] - exact) < 1e-12);
  }

  void whatIsNotFiniteIsSkippedBySmoothing() {
    History history;
    history.addStep(1, 1, kNaN, 0);
    history.addStep(2, 1, 2, 0);
    history.addStep(3, 1, INFINITY, 0);
    history.addStep(4, 1, 2, 0);
    const std::vector<double> curve = smoothed(history.steps(), &StepPoint::loss, 0.5);
    QVERIFY(std::isnan(curve[0]));
    for (size_t i : {1, 2, 3}) QCOMPARE(curve[i], 2.0);
  }

  void thinningForTheScreenKeepsExtremes() {
    History history;
    for (int64_t i = 1; i <= 10'000; ++i) history.addStep(i, 1, i == 5432 ? 9 : i % 7 * 0.1, 0);
    const CurveData data =
        curveData(history, &StepPoint::loss, &EpochPoint::validation_loss,
                  smoothed(history.steps(), &StepPoint::loss, 0.9), 0, 10'000, 500);
    QVERIFY(data.raw.size() <= 2 * 501);
    QVERIFY(data.smoothed.size() <= 501);
    double high = 0, low = 1;
    for (const QPointF& point : data.raw) {
      high = std::max(high, point.y());
      low = std::min(low, point.y());
    }
    QCOMPARE(high, 9.0);
    QCOMPARE(low, 0.0);
    QCOMPARE(data.smoothed.last().x(), 10'000.0);
    // Zoomed in, every step is there, and one at each side so that the lines go on.
    const CurveData near =
        curveData(history, &StepPoint::loss, &EpochPoint::validation_loss, {}, 100, 120, 500);
    QCOMPARE(near.raw.first().x(), 99.0);
    QCOMPARE(near.raw.last().x(), 120.0 + 0);
    QVERIFY(near.raw.size() >= 21);
  }

  void valueRangeIsNotFlattenedByOneSpike() {
    CurveData data;
    data.raw = {{1, 0.5}, {2, 1000}, {3, 0.4}, {4, kNaN}};
    data.smoothed = {{1, 0.5}, {2, 0.6}, {3, 0.5}};
    data.validation = {{3, 0.7}};
    auto range = valueRange(data, 0, 10, false);
    QVERIFY(range);
    QCOMPARE(range->first, 0.4);
    QCOMPARE(range->second, 1.4);
    data.raw.append({5, -1});
    QCOMPARE(valueRange(data, 0, 10, true)->first, 0.4);
    QVERIFY(!valueRange(CurveData(), 0, 10, false));
  }

  void filesGoBothWays() {
    QTemporaryDir folder;
    const QString path = folder.filePath("curves.csv");
    History history;
    for (int64_t i = 1; i <= 20; ++i)
      history.addStep(i, 1 + (i - 1) / 10, 1.0 / double(i), 0.1, 0.5);
    history.addStep(21, 3, kNaN, 0.1);
    history.addEpoch({10, 1, 0.3, 0.8});
    history.addEpoch({20, 2, 0.25, std::nullopt});
    QString error;
    QVERIFY2(writeCurves(path, history, &error), qPrintable(error));
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QList<QByteArray> lines = file.readAll().split('\n');
    QCOMPARE(
        lines[0],
        "step,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,learning_rate");
    QCOMPARE(lines[1], "1,1,1,0.1,,,0.5");
    QCOMPARE(lines[10], "10,1,0.1,0.1,0.3,0.8,0.5");
    QCOMPARE(lines[20], "20,2,0.05,0.1,0.25,,0.5");
    QCOMPARE(lines[21], "21,3,nan,0.1,,,");
    History back;
    QVERIFY2(readCurves(path, &back, &error), qPrintable(error));
    QCOMPARE(back.steps().size(), size_t{21});
    QCOMPARE(back.steps()[6].loss.mean, 1.0 / 7);
    QVERIFY(std::isnan(back.steps()[20].loss.mean));
    QCOMPARE(back.steps()[19].rate.mean, 0.5);
    QVERIFY(std::isnan(back.steps()[20].rate.mean));
    QCOMPARE(back.epochs().size(), size_t{2});
    QCOMPARE(*back.epochs()[0].validation_accuracy, 0.8);
    QVERIFY(!back.epochs()[1].validation_accuracy);
  }

  void badFilesAreExplained_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("says");
    QTest::newRow("empty") << QByteArray() << "line 1";
    QTest::newRow("no header") << QByteArray("1,2,3\n") << "header";
    QTest::newRow("fields") << QByteArray("step,train_loss\n1,2\n1\n") << "line 3";
    QTest::newRow("word") << QByteArray("step,train_loss\n1,fast\n") << "train_loss";
    QTest::newRow("back") << QByteArray("step,train_loss\n5,1\n4,1\n") << "ascending";
    QTest::newRow("no step") << QByteArray("step,train_loss\n,1\n") << "ascending";
    QTest::newRow("nan step") << QByteArray("step,train_loss\nnan,1\n") << "ascending";
  }

  void badFilesAreExplained() {
    QFETCH(QByteArray, text);
    QFETCH(QString, says);
    QTemporaryDir folder;
    const QString path = written(folder.filePath("curves.csv"), text);
    History history;
    history.addStep(1, 1, 1, 1);
    QString error;
    QVERIFY(!readCurves(path, &history, &error));
    QVERIFY2(error.contains(says), qPrintable(error));
    QVERIFY2(error.contains("curves.csv"), qPrintable(error));
    QCOMPARE(history.steps().size(), size_t{1});
  }

  void placesThatCannotBeUsedAreNamed() {
    History history;
    QString error;
    QVERIFY(!readCurves("/nowhere/curves.csv", &history, &error));
    QVERIFY(error.contains("/nowhere/curves.csv"));
    error.clear();
    QVERIFY(!writeCurves("/nowhere/curves.csv", history, &error));
    QVERIFY(error.contains("/nowhere/curves.csv"));
  }
};

QTEST_GUILESS_MAIN(TestHistory)
#include "test_history.moc"
