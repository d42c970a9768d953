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
      for (const bool common : {true, false}) {
        for (const nn::Block& block : nn::blocks().all()) {
          if (block.category != category.id || block.common != common) continue;
          expected << QString::fromStdString(block.id);
        }
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
    QTest::newRow("exact name") << "lstm"
                                << "LSTM";
    QTest::newRow("exact name of a rare block") << "rnncell"
                                                << "RNNCell";
    QTest::newRow("family") << "batchnorm"
                            << "BatchNorm2d";
    QTest::newRow("short") << "avg"
                           << "AvgPool2d";
    QTest::newRow("synonym") << "dense"
                             << "Linear";
    QTest::newRow("two words") << "fully connected"
                               << "Linear";
    QTest::newRow("inner synonym") << "residual"
                                   << "Add";
    QTest::newRow("American spelling") << "normalization"
                                       << "BatchNorm2d";
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
    QCOMPARE(blockIds(filter).value(0), best);
  }

  void shelvesAreClosedAndTellWhatIsMostUsed() {
    BlockPalette palette;
    palette.resize(240, 560);
    palette.show();
    QVERIFY(QTest::qWaitForWindowExposed(&palette));
    QTreeView& tree = *palette.tree();
    const QAbstractItemModel& model = *tree.model();
    QCOMPARE(model.rowCount(), int(nn::categories().size()));
    for (int row = 0; row < model.rowCount(); ++row) {
      const QModelIndex shelf = model.index(row, 0);
      QVERIFY(!tree.isExpanded(shelf));
      QVERIFY2(tree.viewport()->rect().contains(tree.visualRect(shelf)), "a shelf needs scrolling");
      const QStringList named = shelf.data(BlockModel::SummaryRole).toString().split(" · ");
      for (int i = 0; i < named.size(); ++i) {
        QCOMPARE(model.index(i, 0, shelf).data().toString(), named[i]);
        QVERIFY(model.index(i, 0, shelf).data(BlockModel::CommonRole).toBool());
      }
    }
    const QModelIndex recurrent = find(model, "LSTM").parent();
    const int closed = tree.visualRect(recurrent).height();
    QTest::mouseClick(tree.viewport(), Qt::LeftButton, {}, tree.visualRect(recurrent).center());
    QVERIFY(tree.isExpanded(recurrent));
    QTRY_VERIFY(tree.visualRect(recurrent).height() < closed);
    QVERIFY(tree.viewport()->rect().contains(tree.visualRect(find(model, "LSTM"))));
    // A search opens what it finds; afterwards all is as it was.
    QTest::keyClicks(palette.searchField(), "conv");
    QVERIFY(tree.isExpanded(find(model, "Conv2d").parent()));
    QTest::keyClick(palette.searchField(), Qt::Key_Escape);
    QVERIFY(tree.isExpanded(find(model, "LSTM").parent()));
    QVERIFY(!tree.isExpanded(find(model, "Conv2d").parent()));
    QTest::mouseClick(tree.viewport(), Qt::LeftButton, {},
                      tree.visualRect(find(model, "LSTM").parent()).center());
    QVERIFY(!tree.isExpanded(find(model, "LSTM").parent()));
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
    palette.tree()->scrollTo(linear);
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
      palette.tree()->expand(find(*palette.tree()->model(), "Conv2d").parent());
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
