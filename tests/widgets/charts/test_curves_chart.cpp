#include <qcustomplot.h>

#include <QImage>
#include <QLabel>
#include <QSignalSpy>
#include <QSlider>
#include <QTemporaryDir>
#include <QTest>
#include <cmath>
#include <random>

#include "tests/widgets/screenshots.h"
#include "widgets/charts/crosshair.h"
#include "widgets/charts/curves_chart.h"
#include "widgets/charts/curves_file.h"
#include "widgets/charts/figure_header.h"

using namespace nw;
using namespace nw::widgets;

namespace {

/// Like a LeNet on Fashion-MNIST: five epochs, noisy batches.
History lifelike(int64_t epochs, int64_t batches) {
  History history;
  std::mt19937 random(5);
  std::normal_distribution<double> noise(0, 1);
  for (int64_t step = 1; step <= epochs * batches; ++step) {
    const double t = double(step) / double(batches);
    const double loss = (0.3 + 2 * std::exp(-3 * t)) * (1 + 0.18 * noise(random));
    const double accuracy =
        std::clamp(0.89 - 0.8 * std::exp(-3 * t) + 0.04 * noise(random), 0., 1.);
    history.addStep(step, 1 + (step - 1) / batches, std::max(loss, 0.02), accuracy);
    if (step % batches == 0) {
      history.addEpoch(
          {step, step / batches, 0.34 + 2 * std::exp(-3 * t), 0.88 - 0.8 * std::exp(-3 * t)});
    }
  }
  return history;
}

/// The pointer moves over a plot; sent to it directly, since the cursor of a test may be anywhere.
void hover(QWidget* plot, const QPoint& at, Qt::MouseButtons held = Qt::NoButton) {
  QMouseEvent move(QEvent::MouseMove, at, plot->mapToGlobal(at), Qt::NoButton, held,
                   Qt::NoModifier);
  QApplication::sendEvent(plot, &move);
}

struct Fixture {
  CurvesChart chart;
  Fixture() {
    chart.resize(1100, 280);
    chart.show();
  }
  QVector<QCustomPlot*> plots() const { return chart.findChildren<QCustomPlot*>().toVector(); }
  QString hero(int column) const { return chart.findChildren<FigureHeader*>()[column]->hero(); }
};

}  // namespace

class TestCurvesChart : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { applyTheme(*qApp, ThemeKind::Light); }

  void growsWhilePointsCome() {
    Fixture f;
    f.chart.setSmoothing(0);
    for (int step = 1; step <= 20; ++step) f.chart.addStep(step, 1, 2.0 / step, 0.5);
    QTRY_COMPARE(f.hero(0), "0.1000");
    QCOMPARE(f.hero(1), QString("50.0\u00a0%"));
    QVERIFY(f.plots()[0]->xAxis->range().upper >= 20);
    for (int step = 21; step <= 400; ++step) f.chart.addStep(step, 1, 2.0 / step, 0.75);
    QTRY_COMPARE(f.hero(0), "0.0050");
    QVERIFY(f.plots()[0]->xAxis->range().upper >= 400);
    f.chart.clear();
    QTRY_COMPARE(f.hero(0), QString());
  }

  void theHeroIsTheSmoothedValueUntilItDiverges() {
    Fixture f;
    f.chart.setSmoothing(0.9);
    for (int step = 1; step <= 200; ++step) f.chart.addStep(step, 1, step % 2 ? 1.0 : 3.0, 0.5);
    f.chart.replotNow();
    const double shown = f.hero(0).toDouble();
    QVERIFY2(shown > 1.9 && shown < 2.2, qPrintable(f.hero(0)));
    f.chart.addStep(201, 1, NAN, 0.1);
    f.chart.replotNow();
    QCOMPARE(f.hero(0), "NaN");
  }

  void theSliderSaysTheAmount() {
    Fixture f;
    auto* slider = f.chart.findChild<QSlider*>("smoothing");
    f.chart.setSmoothing(0);
    QTest::keyClick(slider, Qt::Key_Right);
    QVERIFY(f.chart.smoothing() > 0);
    bool said = false;
    for (QLabel* label : f.chart.findChildren<QLabel*>()) {
      said |= label->text() == QString("smoothing %1").arg(f.chart.smoothing());
    }
    QVERIFY(said);
  }

  void zoomPanAndFollow() {
    Fixture f;
    f.chart.setHistory(lifelike(4, 500));
    f.chart.replotNow();
    QCustomPlot* plot = f.plots()[0];
    const QPoint middle = plot->axisRect()->center();
    const QCPRange whole = plot->xAxis->range();
    QWheelEvent wheel(middle, plot->mapToGlobal(middle), QPoint(), QPoint(0, 480), Qt::NoButton,
                      Qt::NoModifier, Qt::NoScrollPhase, false);
    QApplication::sendEvent(plot, &wheel);
    QTRY_VERIFY(plot->xAxis->range().size() < 0.8 * whole.size());
    QTRY_COMPARE(f.plots()[1]->xAxis->range(), plot->xAxis->range());  // both show the same steps
    const QCPRange zoomed = plot->xAxis->range();
    f.chart.addStep(2001, 5, 0.3, 0.9);  // a zoomed view stays where it is
    f.chart.replotNow();
    QCOMPARE(plot->xAxis->range(), zoomed);

    QTest::mousePress(plot, Qt::LeftButton, {}, middle);
    hover(plot, middle - QPoint(40, 0), Qt::LeftButton);
    hover(plot, middle - QPoint(80, 0), Qt::LeftButton);
    QTest::mouseRelease(plot, Qt::LeftButton, {}, middle - QPoint(80, 0));
    QTRY_VERIFY(plot->xAxis->range().lower > zoomed.lower);
    QTest::mouseDClick(plot, Qt::LeftButton, {}, middle);
    QTRY_VERIFY(plot->xAxis->range().upper >= 2001);
    QVERIFY(plot->xAxis->range().lower <= 1);
  }

  void theCrosshairTellsTheFigures() {
    Fixture f;
    f.chart.setSmoothing(0);
    for (int step = 1; step <= 100; ++step) f.chart.addStep(step, 1, step * 0.5, 0.25);
    f.chart.addEpoch(100, 1, 7.5, 0.125);
    f.chart.replotNow();
    QCustomPlot* plot = f.plots()[0];
    const QPoint at(int(std::round(plot->xAxis->coordToPixel(40))), plot->axisRect()->center().y());
    hover(plot, at);
    const auto crosshairs = f.chart.findChildren<Crosshair*>();
    QCOMPARE(crosshairs.size(), 3);
    QCOMPARE(crosshairs[0]->title(), QString("step 40 · epoch 1"));
    QCOMPARE(crosshairs[0]->lines()[0].value, "20.00");
    QCOMPARE(crosshairs[1]->lines()[0].value, QString("25.0\u00a0%"));
    hover(plot, QPoint(int(plot->xAxis->coordToPixel(100)), at.y()));
    QCOMPARE(crosshairs[0]->lines().last().value, "7.500");
    QEvent leave(QEvent::Leave);
    QApplication::sendEvent(plot, &leave);
    QVERIFY(crosshairs[0]->lines().isEmpty());
  }

  void theLearningRateHasAPlotWhereItChanges() {
    Fixture f;
    for (int step = 1; step <= 100; ++step) {
      f.chart.addStep(step, 1, 1, 0.25, step <= 50 ? 0.1 : 0.01);
    }
    f.chart.addEpoch(100, 1, 7.5, 0.125);
    QVERIFY(!f.plots()[2]->isVisible());
    f.chart.setSchedules(true);
    f.chart.replotNow();
    QVERIFY(f.plots()[2]->isVisible());
    QVERIFY(f.plots()[2]->width() < f.plots()[0]->width());
    QCOMPARE(f.hero(2), "0.0100");  // never smoothed
    hover(f.plots()[0], QPoint(int(f.plots()[0]->xAxis->coordToPixel(40)), 60));
    const auto lines = f.chart.findChildren<Crosshair*>()[2]->lines();
    QCOMPARE(lines.size(), 1);  // no validation belongs to it
    QCOMPARE(lines[0].value, "0.1000");
    f.chart.setSchedules(false);
    QVERIFY(!f.plots()[2]->isVisible());
  }

  void theLogarithmicAxisTakesZerosAndNegatives() {
    Fixture f;
    f.chart.setLogarithmicLoss(true);
    const double losses[] = {2, 0.1, 0, -1, NAN, 1e-3, 1e-6};
    for (int i = 0; i < 7; ++i) f.chart.addStep(i + 1, 1, losses[i], 0.5);
    f.chart.replotNow();
    const QCPRange range = f.plots()[0]->yAxis->range();
    QVERIFY(range.lower > 0 && range.lower <= 1e-6);
    QVERIFY(range.upper >= 2);
  }

  void withoutClassesTheLossHasTheWholeWidth() {
    Fixture f;
    const int half = f.plots()[0]->width();
    f.chart.setClassifies(false);
    QTRY_VERIFY(f.plots()[0]->width() > 1.8 * half);
    QVERIFY(!f.plots()[1]->isVisible());
    QVERIFY(f.chart.findChild<QSlider*>("smoothing")->isVisible());
    f.chart.setClassifies(true);
    QTRY_VERIFY(f.plots()[1]->isVisible());
  }

  /// What is drawn follows the width of the plot, not the length of the run.
  void longRunsTakeNoMorePoints() {
    Fixture f;
    f.chart.resize(1600, 320);
    const auto points = [&](int64_t batches) {
      f.chart.setHistory(lifelike(10, batches));
      f.chart.replotNow();
      int most = 0;
      for (const QCustomPlot* plot : f.plots()) {
        for (int i = 0; i < plot->graphCount(); ++i) {
          most = std::max(most, plot->graph(i)->data()->size());
        }
      }
      return most;
    };
    const int medium = points(1000), lengthy = points(10'000);
    const int width = f.plots()[0]->width();
    QVERIFY2(lengthy <= 2 * (width + 1), qPrintable(QString::number(lengthy)));
    QVERIFY(lengthy >= width / 2);  // and the pixels are made use of
    QVERIFY(lengthy <= medium * 11 / 10);
  }

  void numbersOfTheAxesNeverTouch_data() {
    QTest::addColumn<int>("width");
    for (const int width : {560, 700, 900, 1400}) QTest::addRow("%d px", width) << width;
  }
  void numbersOfTheAxesNeverTouch() {
    QFETCH(int, width);
    Fixture f;
    f.chart.resize(width, 260);
    f.chart.setSchedules(true);
    const QFontMetrics metrics(uiFont(Theme::kSecondaryPx));
    for (const int64_t steps : {30, 1400, 4500, 9'999, 54'321, 420'000}) {
      f.chart.setHistory(lifelike(1, steps));
      QTest::qWait(1);  // the plots take their places
      f.chart.replotNow();
      for (const QCustomPlot* plot : f.plots()) {
        const QCPAxis* axis = plot->xAxis;
        const QVector<double> ticks = axis->tickVector();
        const int room = plot->axisRect()->width();
        QVERIFY2(ticks.size() >= (room < 120 ? 1 : 2),
                 qPrintable(QString("%1 steps on %2 px").arg(steps).arg(room)));
        double end = -1e9;
        for (int i = 0; i < ticks.size(); ++i) {
          const double half = metrics.horizontalAdvance(axis->tickVectorLabels()[i]) / 2.0;
          const double at = axis->coordToPixel(ticks[i]);
          QVERIFY2(at - half > end + 2, qPrintable(QString("%1 steps").arg(steps)));
          end = at + half;
        }
      }
    }
  }

  void tellsOfTheFirstBatch() {
    Fixture f;
    const auto shown = [&](const QString& begin) {
      for (const QLabel* label : f.chart.findChildren<QLabel*>()) {
        if (!label->text().startsWith(begin)) continue;
        return label->isVisible() && label->width() >= label->sizeHint().width();
      }
      return false;
    };
    QVERIFY(shown("Press Train"));
    f.chart.setRunning(true);
    QVERIFY(shown("The first batch") && !shown("Press Train"));
    f.chart.addStep(1, 1, 2, 0.5);
    f.chart.replotNow();
    QVERIFY(!shown("The first batch"));
  }

  void controlsYieldWhereTheHeaderIsNarrow() {
    Fixture f;
    f.chart.setSchedules(true);
    f.chart.setHistory(lifelike(3, 100));
    auto* slider = f.chart.findChild<QSlider*>("smoothing");
    for (int width = 1200; width >= 440; width -= 20) {
      f.chart.resize(width, 260);
      QTest::qWait(1);
      f.chart.replotNow();
      for (const FigureHeader* header : f.chart.findChildren<FigureHeader*>()) {
        QRect before;
        for (const QWidget* part : header->findChildren<QWidget*>()) {
          const bool leaf = part->findChildren<QWidget*>().isEmpty();
          if (!part->isVisible() || !leaf) continue;
          const QRect place(part->mapTo(header, QPoint()), part->size());
          QVERIFY2(header->rect().contains(place) && !place.intersects(before),
                   qPrintable(QString("at %1 px").arg(width)));
          before = place;
        }
      }
      if (width == 1200) QVERIFY(slider->isVisible());
    }
    QVERIFY(!slider->isVisible());
  }

  void manyPointsAreDrawnOnce() {
    Fixture f;
    f.chart.replotNow();
    int drawn = 0;
    connect(f.plots()[0], &QCustomPlot::afterReplot, this, [&drawn] { ++drawn; });
    for (int step = 1; step <= 5000; ++step) f.chart.addStep(step, 1, 1, 1);
    QCOMPARE(drawn, 0);
    QTest::qWait(150);
    QVERIFY2(drawn >= 1 && drawn <= 3, qPrintable(QString::number(drawn)));
  }

  void exportsPictureAndFigures() {
    Fixture f;
    f.chart.setHistory(lifelike(3, 100));
    f.chart.replotNow();
    QTemporaryDir folder;
    QString error;
    const QString png = folder.filePath("curves.png");
    QVERIFY2(f.chart.exportPng(png, 2, &error), qPrintable(error));
    QCOMPARE(QImage(png).size(), f.chart.size() * 2);
    const QString csv = folder.filePath("curves.csv");
    QVERIFY2(f.chart.exportCsv(csv, &error), qPrintable(error));
    History back;
    QVERIFY(readCurves(csv, &back, &error));
    QCOMPARE(back.steps().size(), f.chart.history().steps().size());
    QVERIFY(!f.chart.exportPng("/nowhere/x.png", 1, &error));
    QVERIFY(error.contains("/nowhere/x.png"));

    const QString rendered = folder.filePath("rendered.png");
    QVERIFY2(renderCurves(csv, rendered, QSize(1000, 320), 2, &error), qPrintable(error));
    const QImage image(rendered);
    QCOMPARE(image.size(), QSize(2000, 640));
    // The curve is there, in its colour, in both halves.
    const QColor hue = Theme::makeLight().series(0);
    for (int half : {0, 1}) {
      int coloured = 0;
      for (int y = 0; y < image.height(); ++y) {
        for (int x = half * 1000; x < (half + 1) * 1000; ++x) {
          coloured += image.pixelColor(x, y) == hue;
        }
      }
      QVERIFY2(coloured > 300, qPrintable(QString::number(coloured)));
    }
    QVERIFY(!renderCurves("/nowhere/c.csv", rendered, QSize(100, 100), 1, &error));
  }

  void looks() {
    Fixture f;
    f.chart.resize(1200, 280);
    test::screenshots(f.chart, "curves-empty");
    f.chart.setHistory(lifelike(5, 844));
    f.chart.replotNow();
    QCustomPlot* plot = f.plots()[0];
    hover(plot, QPoint(int(plot->xAxis->coordToPixel(2500)), 60));
    test::screenshots(f.chart, "curves");
    f.chart.setLogarithmicLoss(true);
    f.chart.resize(720, 240);
    QEvent leave(QEvent::Leave);
    QApplication::sendEvent(plot, &leave);
    QTest::qWait(60);
    test::screenshots(f.chart, "curves-narrow");
    const QString folder = qEnvironmentVariable("NW_SCREENSHOTS");
    if (folder.isEmpty()) return;
    QString error;
    QVERIFY(f.chart.exportPng(folder + "/curves-export.png", 2, &error));
  }
};

QTEST_MAIN(TestCurvesChart)
#include "test_curves_chart.moc"
