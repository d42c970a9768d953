#include <QTest>
#include <cmath>

#include "widgets/training/figures.h"

using namespace nw;
using namespace nw::widgets;

class TestFigures : public QObject {
  Q_OBJECT

 private slots:
  void numbersAreGrouped() {
    const QChar thin(0x202F);
    QCOMPARE(groupedDigits(0), "0");
    QCOMPARE(groupedDigits(999), "999");
    QCOMPARE(groupedDigits(61706), QString("61") + thin + "706");
    QCOMPARE(groupedDigits(-1234567), QString("-1") + thin + "234" + thin + "567");
  }

  void countsAndBytesAreShort() {
    const QString gap(QChar(0x00A0));
    QCOMPARE(shortCount(416'520), "0.42" + gap + "M");
    QCOMPARE(shortCount(1'820'000'000), "1.8" + gap + "G");
    QCOMPARE(shortCount(999'600'000), "1.0" + gap + "G");
    QCOMPARE(shortCount(12), "12");
    QCOMPARE(byteSize(712), "712" + gap + "B");
    QCOMPARE(byteSize(3'100'000), "3.1" + gap + "MB");
    QCOMPARE(byteSize(45'000), "45" + gap + "kB");
  }

  void timesAndFiguresRead() {
    QCOMPARE(duration(42), "0:42");
    QCOMPARE(duration(725), "12:05");
    QCOMPARE(duration(3729), "1:02:09");
    QCOMPARE(duration(0.2), "under a second");
    QCOMPARE(figure(0.30471), "0.3047");
    QCOMPARE(figure(2.3456), "2.346");
    QCOMPARE(figure(0.0000231), "2.31e-5");
    QCOMPARE(figure(1.5e7), "1.50e7");
    QCOMPARE(figure(0), "0.0000");
    QCOMPARE(figure(NAN), "NaN");
    QCOMPARE(percent(0.884), QString("88.4\u00a0%"));
  }

  void theStatusBarsLine() {
    graph::Inference inference;
    inference.parameters = 61'706;
    inference.multiply_adds = 416'520;
    inference.activation_bytes = 40'000;
    // 64 samples' activations, weights and gradients: 2.56 MB + 0.49 MB.
    QCOMPARE(
        statusSummary(inference, 64),
        QString("61\u202f706 parameters · 0.42\u00a0M multiply-adds · 3.1\u00a0MB at batch 64"));
    QCOMPARE(statusSummary({}, 64), "0 parameters · 0 multiply-adds");
  }
};

QTEST_GUILESS_MAIN(TestFigures)
#include "test_figures.moc"
