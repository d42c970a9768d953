#include <QHelpEvent>
#include <QScopeGuard>
#include <QSignalSpy>
#include <QTest>
#include <QToolTip>

#include "tests/widgets/screenshots.h"
#include "widgets/training/rank_strip.h"

using namespace nw;
using namespace nw::test;
using namespace nw::widgets;

class TestRankStrip : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { applyTheme(*qApp, ThemeKind::Light); }
  void tellsWhereTheTimeGoes();
  void teaches_data();
  void teaches();
  void notesTakeOnlySpareRoom();
  void marksALostRank();
  void looksRight_data();
  void looksRight();
  void partsAreTold_data();
  void partsAreTold();
};

namespace {

constexpr int kRowsTop = 4 + 32 + 24;  // below figures and legend

train::Joined joined(int ranks, const char* device = "cpu") {
  train::Joined event{"gloo", {}};
  for (int rank = 0; rank < ranks; ++rank) event.ranks.push_back({rank, "lab-7", device});
  return event;
}

train::StepDone step(int ranks) {
  train::StepDone event;
  event.step = 1;
  for (int rank = 0; rank < ranks; ++rank) {
    const double compute = 8.2e-3 + 0.9e-3 * (rank % 3);
    event.ranks.push_back({compute, 12e-3 - compute, 5.1e-3, 246'824});
  }
  return event;
}

/// Unlike colours on a line across the strip.
QSet<QRgb> coloursAt(const QImage& picture, int y, int from, int to) {
  QSet<QRgb> found;
  for (int x = from; x < to; ++x) found.insert(picture.pixel(x, y));
  return found;
}

}  // namespace

void TestRankStrip::tellsWhereTheTimeGoes() {
  RankStrip strip;
  QSignalSpy rows(&strip, &RankStrip::rowsChanged);
  strip.setRanks(joined(2));
  QCOMPARE(rows.size(), 1);
  QCOMPARE(rows[0][0].toInt(), 2);
  QCOMPARE(strip.rowText(1), QString("rank 1 · cpu: no step yet"));
  QCOMPARE(strip.summary(), QString());
  train::StepDone event;
  event.ranks = {{6e-3, 2e-3, 3e-3, 1000}, {2e-3, 6e-3, 4e-3, 1000}};
  strip.addStep(event);
  QCOMPARE(strip.rowText(1),
           QString("rank 1 · cpu: 2.00 ms computing, 6.00 ms waiting for the gradients of others, "
                   "4.00 ms under all-reduce, 1.0\u00a0kB sent"));
  QCOMPARE(strip.summary(), QString("a step takes 8.00 ms, 50.0\u00a0% of it waiting"));
  // A step of other ranks than these is not theirs.
  event.ranks.pop_back();
  event.ranks[0].compute = 1;
  strip.addStep(event);
  QVERIFY(strip.rowText(0).contains("6.00 ms computing"));
  QTRY_VERIFY(strip.accessibleDescription().contains("rank 1 · cpu: 2.00 ms computing"));

  strip.resize(600, strip.sizeHint().height());
  strip.show();
  const QPoint row(300, strip.height() - 12);
  QHelpEvent help(QEvent::ToolTip, row, strip.mapToGlobal(row));
  QApplication::sendEvent(&strip, &help);
  QVERIFY2(QToolTip::text().contains("2.00 ms computing") && QToolTip::text().contains("lab-7"),
           qPrintable(QToolTip::text()));
  strip.clear();
  QCOMPARE(strip.sizeHint().height(), 0);
  QCOMPARE(rows.last()[0].toInt(), 0);
}

void TestRankStrip::teaches_data() {
  QTest::addColumn<QList<double>>("compute");  // ms, of each rank
  QTest::addColumn<QList<double>>("wait");
  QTest::addColumn<double>("reduce");
  QTest::addColumn<QString>("lesson");
  QTest::newRow("straggler") << QList<double>{2, 2, 9, 2} << QList<double>{8, 8, 1, 8} << 2.0
                             << "rank 2 · cuda:1 computes 4.5 times as long as the others";
  QTest::newRow("waiting") << QList<double>{1, 1} << QList<double>{9, 9} << 9.0 << "larger batch";
  QTest::newRow("hidden") << QList<double>{9, 9} << QList<double>{0.5, 0.5} << 6.0
                          << "Most of the all-reduce is hidden";
  QTest::newRow("uneven, but nobody waits")
      << QList<double>{5, 8} << QList<double>{0.1, 0.1} << 0.2 << "";
  QTest::newRow("replayed") << QList<double>{5, 8} << QList<double>{0, 0} << 0.0
                            << "replayed as one recording";
  QTest::newRow("nothing") << QList<double>{7, 7} << QList<double>{3, 3} << 5.0 << "";
}

void TestRankStrip::teaches() {
  QFETCH(QList<double>, compute);
  QFETCH(QList<double>, wait);
  QFETCH(double, reduce);
  QFETCH(QString, lesson);
  RankStrip strip;
  strip.setRanks(joined(int(compute.size()), "cuda:1"));
  train::StepDone event;
  for (qsizetype i = 0; i < compute.size(); ++i) {
    event.ranks.push_back({compute[i] / 1e3, wait[i] / 1e3, reduce / 1e3, 1000});
  }
  strip.addStep(event);
  QCOMPARE(strip.lesson(), QString());  // one step says little
  for (int i = 0; i < 30; ++i) strip.addStep(event);
  QCOMPARE(strip.summary().contains("waiting"), reduce > 0);
  QCOMPARE(strip.rowText(0).contains("recording"), reduce == 0);
  if (lesson.isEmpty()) {
    QTRY_VERIFY(strip.accessibleDescription().contains("computing"));
    QCOMPARE(strip.lesson(), QString());
  } else {
    QTRY_VERIFY2(strip.lesson().contains(lesson), qPrintable(strip.lesson()));
    QVERIFY(strip.accessibleDescription().contains(strip.lesson()));
  }
  strip.setRanks(joined(2));
  QCOMPARE(strip.lesson(), QString());
}

void TestRankStrip::notesTakeOnlySpareRoom() {
  RankStrip strip;
  strip.setRanks(joined(3));
  strip.addStep(step(3));
  const int need = strip.sizeHint().height();
  const auto inkBelow = [&](int height) {
    strip.resize(520, height);
    const QImage picture = strip.grab().toImage();
    int lines = 0;
    for (int y = need; y < height; ++y) lines += coloursAt(picture, y, 0, 520).size() > 1;
    return lines;
  };
  QCOMPARE(inkBelow(need + 20), 0);  // half a sentence would be worse than none
  QVERIFY(inkBelow(need + 80) > 12);
  screenshots(strip, "rank-strip-notes");
}

void TestRankStrip::marksALostRank() {
  RankStrip strip;
  strip.setRanks(joined(4, "cuda:1"));
  strip.addStep(step(4));
  strip.resize(600, strip.sizeHint().height());
  const QImage before = strip.grab().toImage();
  strip.setLost({{2, "lab-7", "cuda:1", "was killed by SIGKILL"}});
  QCOMPARE(strip.rowText(2), QString("rank 2 · cuda:1 was killed by SIGKILL"));
  QVERIFY(strip.accessibleDescription().contains("was killed by SIGKILL"));
  const QImage after = strip.grab().toImage();
  const auto changed = [&](int row) {
    const QRect place(0, kRowsTop + 24 * row, strip.width(), 24);
    return before.copy(place) != after.copy(place);
  };
  for (int row = 0; row < 4; ++row) QVERIFY(changed(row));  // the others have ended, too
  strip.setLost({{-1, "lab-7", "", "the launcher"}});       // no row of its own
  strip.setLost({{9, "lab-7", "", "nobody"}});
  screenshots(strip, "ranks-lost");
}

void TestRankStrip::looksRight_data() {
  QTest::addColumn<int>("ranks");
  for (const int ranks : {1, 2, 4, 5, 8}) QTest::addRow("%d", ranks) << ranks;
}

void TestRankStrip::looksRight() {
  QFETCH(int, ranks);
  RankStrip strip;
  strip.setRanks(joined(ranks, ranks == 5 ? "cuda:3" : "cpu"));
  strip.addStep(step(ranks));
  strip.resize(700, strip.sizeHint().height());
  screenshots(strip, QString("rank-strip-%1").arg(ranks));
  applyTheme(*qApp, ThemeKind::HighContrast);
  const auto back = qScopeGuard([] { applyTheme(*qApp, ThemeKind::Light); });
  const QString folder = qEnvironmentVariable("NW_SCREENSHOTS");
  if (!folder.isEmpty()) {
    QVERIFY(
        strip.grab().save(QDir(folder).filePath(QString("rank-strip-%1-contrast.png").arg(ranks))));
  }
}

void TestRankStrip::partsAreTold_data() {
  QTest::addColumn<int>("theme");
  QTest::newRow("light") << int(ThemeKind::Light);
  QTest::newRow("dark") << int(ThemeKind::Dark);
  QTest::newRow("high contrast") << int(ThemeKind::HighContrast);
}

/// Computing is of one colour, waiting of several (it is hatched), and each colour stands out from
/// the ground.
void TestRankStrip::partsAreTold() {
  QFETCH(int, theme);
  applyTheme(*qApp, ThemeKind(theme));
  const auto back = qScopeGuard([] { applyTheme(*qApp, ThemeKind::Light); });
  RankStrip strip;
  strip.setRanks(joined(1));
  train::StepDone event;
  event.ranks = {{5e-3, 5e-3, 5e-3, 1000}};
  strip.addStep(event);
  strip.resize(400, strip.sizeHint().height());  // too narrow for figures: the bar ends at 16 px
  const QImage picture = strip.grab().toImage();
  const int bar = kRowsTop + (24 - 15) / 2 + 5;
  int left = 0;
  const QRgb ground = picture.pixel(0, bar);
  const int names = QFontMetrics(uiFont(Theme::kSecondaryPx)).horizontalAdvance("rank 0 · cpu");
  left = 16 + names + 12;
  const int middle = (left + 400 - 16) / 2;
  const QSet<QRgb> computing = coloursAt(picture, bar, left + 6, middle - 6);
  const QSet<QRgb> waiting = coloursAt(picture, bar, middle + 6, 400 - 16 - 6);
  QCOMPARE(computing.size(), 1);
  QVERIFY(waiting.size() > 1);
  QVERIFY(!waiting.contains(*computing.begin()));
  QVERIFY(contrast(QColor(*computing.begin()), QColor(ground)) >= 3);
  double most = 0;
  for (const QRgb colour : waiting) most = std::max(most, contrast(QColor(colour), QColor(ground)));
  QVERIFY(most >= 3);
}

QTEST_MAIN(TestRankStrip)
#include "test_rank_strip.moc"
