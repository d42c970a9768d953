#include <QCoreApplication>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <QTreeView>

#include "app/windows/main_window.h"
#include "app/windows/program.h"
#include "core/nn/block.h"
#include "widgets/palette/block_palette.h"

using namespace nw;

namespace {

/// What the window was like once it stood.
struct Seen {
  bool window = false;
  bool pluginBlock = false;  // in the palette
  QString message;
};
Seen seen;

bool offers(const QAbstractItemModel& model, const QString& block) {
  for (int shelf = 0; shelf < model.rowCount(); ++shelf) {
    const QModelIndex parent = model.index(shelf, 0);
    for (int row = 0; row < model.rowCount(parent); ++row) {
      if (model.index(row, 0, parent).data().toString() == block) return true;
    }
  }
  return false;
}

/// Looks at the window of the program, and closes it.
void look() {
  for (QWidget* widget : QApplication::topLevelWidgets()) {
    auto* window = qobject_cast<app::MainWindow*>(widget);
    if (!window || !window->isVisible()) continue;
    seen.window = true;
    seen.message = window->messages().text("plugins");
    const auto* palette = window->findChild<widgets::BlockPalette*>();
    seen.pluginBlock = offers(*palette->tree()->model(), "LeCunTanh");
    window->close();
    return;
  }
  QTimer::singleShot(10, qApp, look);
}

void lookLater() {
  QTimer::singleShot(0, qApp, look);
}
Q_COREAPP_STARTUP_FUNCTION(lookLater)

}  // namespace

/// The whole window program, as it is started.
class TestProgram : public QObject {
  Q_OBJECT

 private slots:
  /// Blocks and devices of plugins are the window's, too; a plugin that cannot be loaded is told.
  void pluginsAreLoaded() {
    QTemporaryDir folder;
    QFile broken(folder.filePath("broken.so"));
    QVERIFY(broken.open(QIODevice::WriteOnly));
    broken.write("no library");
    broken.close();
    qputenv("NETWRIGHT_PLUGINS", folder.path().toUtf8());
    qputenv("HOME", folder.path().toUtf8());
    qputenv("XDG_CONFIG_HOME", folder.path().toUtf8());
    qputenv("XDG_DATA_HOME", folder.path().toUtf8());
    QByteArray name("netwright");
    char* arguments[] = {name.data(), nullptr};
    QCOMPARE(app::runProgram(1, arguments), 0);
    QVERIFY(seen.window);
    QVERIFY(seen.pluginBlock);
    QVERIFY2(seen.message.contains("broken.so"), qPrintable(seen.message));
  }
};

QTEST_APPLESS_MAIN(TestProgram)
#include "test_program.moc"
