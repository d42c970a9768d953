#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QtTest>
#include <QtWidgets>

#include "core/nn/block.h"
#include "core/nn/category.h"
#include "widgets/palette/block_mime.h"
#include "widgets/palette/block_model.h"
#include "widgets/palette/block_palette.h"
#include "widgets/palette/block_search_popup.h"
#include "widgets/style/theme.h"

using namespace nw;
using namespace nw::widgets;

namespace {

QStringList blockIds(const QAbstractItemModel& model) {
  QStringList ids;
  for (int shelf = 0; shelf < model.rowCount(); ++shelf) {
    const QModelIndex parent = model.index(shelf, 0);
    for (int row = 0; row < model.rowCount(parent); ++row) {
      ids << model.index(row, 0, parent).data(BlockModel::IdRole).toString();
    }
  }
  return ids;
}

QStringList listed(const QListView& list) {
  QStringList ids;
  for (int row = 0; row < list.model()->rowCount(); ++row) {
    ids << list.model()->index(row, 0).data(BlockModel::IdRole).toString();
  }
  return ids;
}

}  // namespace

class TestPalette : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { applyTheme(*qApp, ThemeKind::Light); }

  void modelHoldsEachBlockOnceInOrder() {
    BlockModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QStringList expected;
    for (const nn::Category& category : nn::categories()) {
      for (const nn::Block& block : nn::blocks().all()) {
        if (block.category == category.id) expected << QString::fromStdString(block.id);
      }
    }
    QCOMPARE(expected.size(), qsizetype(nn::blocks().all().size()));
    QCOMPARE(blockIds(model), expected);
    const QModelIndex conv = find(model, "Conv2d");
    QVERIFY(conv.data(Qt::ToolTipRole).toString().contains("nn.Conv2d"));
    QCOMPARE(conv.parent().data().toString(), QString("Convolution"));
    const std::unique_ptr<QMimeData> mime(model.mimeData({conv}));
    QCOMPARE(mime->data(kBlockMimeType), QByteArray("Conv2d"));
    QVERIFY(!model.mimeData({conv.parent()}));
    QVERIFY(!(model.flags(conv.parent()) & Qt::ItemIsDragEnabled));
  }

  void filterKeepsTheModelsRules() {
    BlockModel model;
    BlockFilterModel filter;
    QAbstractItemModelTester tester(&filter,
                                    QAbstractItemModelTester::FailureReportingMode::QtTest);
    filter.setSourceModel(&model);
    for (const QString query : {"c", "conv", "xyzzy", "", "lin", "nn.", "average"}) {
      filter.setQuery(query);
    }
  }

  void searchFinds_data() {
    QTest::addColumn<QString>("query");
    QTest::addColumn<QString>("best");
    QTest::newRow("start") << "conv"
                           << "Conv2d";
    QTest::newRow("initials") << "mp2"
                              << "MaxPool2d";
    QTest::newRow("case") << "RELU"
                          << "ReLU";
    QTest::newRow("torch name") << "nn.Flatten"
                                << "Flatten";
    QTest::newRow("letters in order") << "crsent"
                                      << "CrossEntropyLoss";
    QTest::newRow("inner word") << "entropy"
                                << "CrossEntropyLoss";
  }

  void searchFinds() {
    QFETCH(QString, query);
    QFETCH(QString, best);
    BlockSearchPopup popup(nullptr);
    popup.open({200, 200}, {}, [](QString) {});
    QTest::keyClicks(popup.field(), query);
    QVERIFY(!listed(*popup.list()).isEmpty());
    QCOMPARE(listed(*popup.list()).front(), best);
    BlockModel model;
    BlockFilterModel filter;
    filter.setSourceModel(&model);
    filter.setQuery(query);
    QVERIFY(blockIds(filter).contains(best));
  }

  void everyBlockIsFoundByItsSummary() {
    for (const nn::Block& block : nn::blocks().all()) {
      QVERIFY(!block.summary.empty());
      BlockModel model;
      BlockFilterModel filter;
      filter.setSourceModel(&model);
      filter.setQuery(QString::fromStdString(block.summary).left(24));
      QVERIFY2(blockIds(filter).contains(QString::fromStdString(block.id)), block.id.c_str());
    }
  }

  void nothingFoundShowsNothing() {
    BlockPalette palette;
    palette.searchField()->setText("zzzz");
    QCOMPARE(palette.tree()->model()->rowCount(), 0);
    palette.searchField()->clear();
    QCOMPARE(blockIds(*palette.tree()->model()).size(), qsizetype(nn::blocks().all().size()));
  }

  void typingAndEnterAppends() {
    BlockPalette palette;
    palette.show();
    QVERIFY(QTest::qWaitForWindowExposed(&palette));
    QSignalSpy spy(&palette, &BlockPalette::blockActivated);
    QTest::keyClicks(palette.searchField(), "pool");
    QTest::keyClick(palette.searchField(), Qt::Key_Return);
    QCOMPARE(spy.takeFirst().front().toString(), QString("MaxPool2d"));
    QTest::keyClick(palette.searchField(), Qt::Key_Down);
    QTest::keyClick(palette.searchField(), Qt::Key_Return);
    QCOMPARE(spy.takeFirst().front().toString(), QString("AvgPool2d"));
    QTest::keyClick(palette.searchField(), Qt::Key_Escape);
    QVERIFY(palette.searchField()->text().isEmpty());
  }

  void doubleClickAppends() {
    BlockPalette palette;
    palette.resize(240, 900);
    palette.show();
    QVERIFY(QTest::qWaitForWindowExposed(&palette));
    QSignalSpy spy(&palette, &BlockPalette::blockActivated);
    const QModelIndex linear = find(*palette.tree()->model(), "Linear");
    const QPoint at = palette.tree()->visualRect(linear).center();
    QTest::mouseClick(palette.tree()->viewport(), Qt::LeftButton, {}, at);
    QTest::mouseDClick(palette.tree()->viewport(), Qt::LeftButton, {}, at);
    QCOMPARE(spy.size(), 1);
    QCOMPARE(spy.front().front().toString(), QString("Linear"));
  }

  void popupOffersWhatTheWireCanTake() {
    BlockSearchPopup popup(nullptr);
    QString chosen;
    const graph::Wire fromOutput{{7, "output"}, {graph::kNoNode, ""}};
    popup.open({300, 300}, fromOutput, [&chosen](QString id) { chosen = id; });
    const QAbstractItemModel& model = *popup.list()->model();
    bool incompatibleSeen = false;
    for (int row = 0; row < model.rowCount(); ++row) {
      const QModelIndex index = model.index(row, 0);
      const nn::Block* block =
          nn::blocks().find(index.data(BlockModel::IdRole).toString().toStdString());
      const bool enabled = index.flags() & Qt::ItemIsEnabled;
      QCOMPARE(enabled, !block->inputs.empty());
      if (!enabled) incompatibleSeen = true;
      QVERIFY2(!(enabled && incompatibleSeen), "a compatible block after an incompatible one");
    }
    QVERIFY(incompatibleSeen);  // Input takes no wire
    QTest::keyClicks(popup.field(), "linear");
    QTest::keyClick(popup.field(), Qt::Key_Return);
    QCOMPARE(chosen, QString("Linear"));
    QVERIFY(!popup.isVisible());
    const graph::Wire wire = BlockSearchPopup::completed(fromOutput, "Linear");
    QCOMPARE(QString::fromStdString(wire.to.port), QString("input"));
  }

  void popupClosesWithoutAChoice() {
    BlockSearchPopup popup(nullptr);
    int calls = 0;
    popup.open({300, 300}, {}, [&calls](QString) { ++calls; });
    QTest::keyClick(popup.field(), Qt::Key_Escape);
    QVERIFY(!popup.isVisible());
    popup.open({300, 300}, {}, [&calls](QString) { ++calls; });
    const QModelIndex second = popup.list()->model()->index(1, 0);
    QTest::mouseClick(popup.list()->viewport(), Qt::LeftButton, {},
                      popup.list()->visualRect(second).center());
    QCOMPARE(calls, 1);
  }

  void looksRight() {
    const QString folder = qEnvironmentVariable("NW_SCREENSHOTS");
    if (folder.isEmpty()) QSKIP("NW_SCREENSHOTS names no folder");
    QDir().mkpath(folder);
    for (const auto& [kind, name] :
         {std::pair{ThemeKind::Light, "light"}, std::pair{ThemeKind::Dark, "dark"}}) {
      applyTheme(*qApp, kind);
      BlockPalette palette;
      palette.resize(240, 900);
      BlockSearchPopup popup(nullptr);
      palette.show();
      popup.open({500, 300}, graph::Wire{{1, "output"}, {}}, [](QString) {});
      QVERIFY(QTest::qWaitForWindowExposed(&palette));
      int index = 0;
      for (QWidget* widget : {static_cast<QWidget*>(&palette), static_cast<QWidget*>(&popup)}) {
        QPixmap picture(widget->size() * 2);
        picture.setDevicePixelRatio(2);
        widget->render(&picture);
        const QString file = QString("%1/palette-%2-%3.png").arg(folder, name);
        QVERIFY(picture.save(file.arg(index++ ? "search" : "shelves")));
      }
      popup.hide();
    }
    applyTheme(*qApp, ThemeKind::Light);
  }

 private:
  static QModelIndex find(const QAbstractItemModel& model, const QString& id) {
    const QModelIndexList hits = model.match(model.index(0, 0), BlockModel::IdRole, id, 1,
                                             Qt::MatchExactly | Qt::MatchRecursive);
    return hits.isEmpty() ? QModelIndex() : hits.front();
  }
};

QTEST_MAIN(TestPalette)
#include "test_palette.moc"
