#pragma once

#include <QAbstractButton>
#include <QAction>
#include <QApplication>
#include <QDialogButtonBox>
#include <QDir>
#include <QDropEvent>
#include <QEventLoop>
#include <QFileDialog>
#include <QLineEdit>
#include <QMessageBox>
#include <QMimeData>
#include <QStandardPaths>
#include <QTabBar>
#include <QTabWidget>
#include <QTemporaryDir>
#include <QTest>
#include <QTreeView>
#include <functional>

#include "app/windows/main_window.h"
#include "app/windows/panel_dock.h"
#include "app/windows/train_bar.h"
#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/canvas_view.h"
#include "widgets/inspector/description_form.h"
#include "widgets/inspector/inspector.h"
#include "widgets/palette/block_palette.h"
#include "widgets/style/theme.h"

namespace nw::test {

using app::MainWindow;
using graph::NodeId;

/// How many times longer than usual to wait for something: sanitizers make the program slow.
inline int patience() {
  static const int factor = std::max(1, qEnvironmentVariableIntValue("NW_TEST_PATIENCE"));
  return factor;
}

/// Runs the event loop, as the program does, until the condition holds; false when it takes longer.
inline bool runUntil(const std::function<bool()>& condition, int timeoutMs = 20000) {
  const qint64 limitMs = qint64{timeoutMs} * patience();
  QEventLoop loop;
  QTimer poll;
  QElapsedTimer clock;
  clock.start();
  QObject::connect(&poll, &QTimer::timeout, &loop, [&] {
    if (condition() || clock.elapsed() > limitMs) loop.quit();
  });
  poll.start(5);
  if (!condition()) loop.exec();
  return condition();
}

/// Does `answer` with the next dialog that opens; call it before the dialog does.
template <typename Dialog>
void whenDialogOpens(const std::function<void(Dialog*)>& answer) {
  auto* poll = new QTimer(qApp);
  QObject::connect(poll, &QTimer::timeout, poll, [poll, answer] {
    auto* dialog = qobject_cast<Dialog*>(QApplication::activeModalWidget());
    if (!dialog || !dialog->isVisible()) return;
    poll->deleteLater();
    poll->stop();
    answer(dialog);
  });
  poll->start(10);
}

/// Fills in the next file dialog and presses Save or Open. The text is set, not typed: the dialog
/// reads folders on a thread while one types, and completes what it finds at unforeseen times.
inline void whenAskedForFile(const QString& path) {
  whenDialogOpens<QFileDialog>([path](QFileDialog* dialog) {
    dialog->findChild<QLineEdit*>("fileNameEdit")->setText(path);
    for (QAbstractButton* button : dialog->findChild<QDialogButtonBox*>()->buttons()) {
      const bool confirms = button->text().contains("Save") || button->text().contains("Open");
      if (confirms) return QTest::mouseClick(button, Qt::LeftButton);
    }
  });
}

inline void press(QMessageBox* box, QMessageBox::StandardButton button) {
  QTest::mouseClick(box->button(button), Qt::LeftButton);
}

/// Presses a button of the next question.
inline void whenAsked(QMessageBox::StandardButton button) {
  whenDialogOpens<QMessageBox>(
      [button](QMessageBox* box) { QTest::mouseClick(box->button(button), Qt::LeftButton); });
}

/// A main window with settings and recovery of its own, and the hands of a person: mouse and keys.
class WindowDriver {
 public:
  WindowDriver()
      : settings_(folder_.filePath("settings.ini")),
        recovery_(folder_.filePath("recovery")),
        window_(std::make_unique<MainWindow>(settings_, recovery_)) {
    settings_.setFolder(folder_.path());
  }

  MainWindow& window() { return *window_; }
  app::RecoveryStore& recovery() { return recovery_; }
  QString path(const QString& name) const { return folder_.filePath(name); }
  app::Document& document() { return window_->current().document(); }
  app::TrainingSession& session() { return window_->current().session(); }
  widgets::CanvasView& view() { return *window_->current().canvas(); }
  widgets::CanvasScene& scene() { return *view().canvas(); }
  const graph::Graph& graph() { return document().graph(); }

  bool show() {
    window_->resize(1440, 900);
    window_->show();
    return QTest::qWaitForWindowActive(window_.get());
  }
  /// The window goes without a question.
  void destroyWindow() { window_.reset(); }

  void key(int key, Qt::KeyboardModifiers modifiers = {}) {
    // A dialog or menu that closed gives the activation back only where there is a window manager;
    // until then it is the active window, although its parent counts as active, too.
    window_->activateWindow();
    QVERIFY(runUntil([&] { return QApplication::activeWindow() == window_.get(); }));
    QTest::keyClick(window_.get(), Qt::Key(key), modifiers);
  }
  void clickAction(QAction* action) {
    QTest::mouseClick(window_->trainBar().widgetForAction(action), Qt::LeftButton);
  }
  void showTab(const QString& title) {
    QTabBar* tabs = window_->panels().back()->tabs();
    for (int i = 0; i < tabs->count(); ++i) {
      if (tabs->tabText(i).startsWith(title)) {
        QTest::mouseClick(tabs, Qt::LeftButton, {}, tabs->tabRect(i).center());
      }
    }
  }

  // The canvas.

  QPoint onView(QPointF scenePoint) { return view().mapFromScene(scenePoint); }
  void clickNode(NodeId id, Qt::KeyboardModifiers modifiers = {}) {
    view().ensureVisible(*scene().nodeRect(id));
    const QRectF card = *scene().nodeRect(id);
    QTest::mouseClick(view().viewport(), Qt::LeftButton, modifiers, onView(card.center()));
  }
  /// Drags with several moves, as a hand does.
  void drag(QPointF from, QPointF to) {
    QWidget* port = view().viewport();
    QTest::mousePress(port, Qt::LeftButton, {}, onView(from));
    for (int i = 1; i <= 8; ++i) {
      const QPoint at = onView(from + (to - from) * i / 8.0);
      // QTest::mouseMove tells no buttons.
      QMouseEvent move(QEvent::MouseMove, QPointF(at), port->mapToGlobal(QPointF(at)), Qt::NoButton,
                       Qt::LeftButton, {});
      QApplication::sendEvent(port, &move);
    }
    QTest::mouseRelease(port, Qt::LeftButton, {}, onView(to));
  }
  void dragWire(const graph::Endpoint& from, const graph::Endpoint& to) {
    drag(*scene().portPosition(from), *scene().portPosition(to));
  }
  void dragNode(NodeId id, QPointF by) {
    const QPointF from = scene().nodeRect(id)->center();
    drag(from, from + by);
  }

  // The palette.

  QModelIndex paletteRow(const QString& block) {
    auto* palette = window_->findChild<widgets::BlockPalette*>();
    const QAbstractItemModel* model = palette->tree()->model();
    for (int shelf = 0; shelf < model->rowCount(); ++shelf) {
      const QModelIndex parent = model->index(shelf, 0);
      for (int row = 0; row < model->rowCount(parent); ++row) {
        const QModelIndex index = model->index(row, 0, parent);
        if (index.data().toString() == block) return index;
      }
    }
    return {};
  }
  QPoint paletteSpot(const QString& block) {
    QTreeView* tree = window_->findChild<widgets::BlockPalette*>()->tree();
    const QModelIndex index = paletteRow(block);
    tree->scrollTo(index);
    return tree->visualRect(index).center();
  }
  /// Appends by double-click; the new node.
  NodeId append(const QString& block) {
    QTreeView* tree = window_->findChild<widgets::BlockPalette*>()->tree();
    const QPoint spot = paletteSpot(block);
    QTest::mouseClick(tree->viewport(), Qt::LeftButton, {}, spot);
    QTest::mouseDClick(tree->viewport(), Qt::LeftButton, {}, spot);
    return newest();
  }
  /// Drops what a drag of the row carries; the new node. The offscreen platform has no drag of its
  /// own (QDrag::exec returns at once), so the drag's events are sent here.
  NodeId dragFromPalette(const QString& block, QPointF scenePoint) {
    QTreeView* tree = window_->findChild<widgets::BlockPalette*>()->tree();
    const std::unique_ptr<QMimeData> mime(tree->model()->mimeData({paletteRow(block)}));
    const QPoint at = onView(scenePoint);
    QDragEnterEvent enter(at, Qt::CopyAction, mime.get(), Qt::LeftButton, {});
    QApplication::sendEvent(view().viewport(), &enter);
    QDragMoveEvent over(at, Qt::CopyAction, mime.get(), Qt::LeftButton, {});
    QApplication::sendEvent(view().viewport(), &over);
    QDropEvent drop(at, Qt::CopyAction, mime.get(), Qt::LeftButton, {});
    QApplication::sendEvent(view().viewport(), &drop);
    return newest();
  }
  /// Searches by typing and appends by Enter.
  NodeId appendBySearch(const QString& text) {
    QLineEdit* search = window_->findChild<widgets::BlockPalette*>()->searchField();
    search->setFocus();
    QTest::keyClicks(search, text);
    QTest::keyClick(search, Qt::Key_Return);
    const NodeId added = newest();
    QTest::keyClick(search, Qt::Key_Escape);
    return added;
  }
  NodeId newest() { return graph().nodes.empty() ? 0 : graph().nodes.back().id; }

  // Forms.

  /// Types a value into a parameter's field of the shown form and confirms with Enter.
  static void type(widgets::DescriptionForm* form, const QString& param, const QString& text) {
    QWidget* editor = form->editor(param);
    QTest::qVerify(editor != nullptr, "editor", qPrintable(param), __FILE__, __LINE__);
    auto* field = editor->findChild<QLineEdit*>();
    if (!field) field = qobject_cast<QLineEdit*>(editor);
    field->setFocus();
    QTest::keyClick(field, Qt::Key_A, Qt::ControlModifier);
    QTest::keyClicks(field, text);
    QTest::keyClick(field, Qt::Key_Return);
  }
  void typeParam(const QString& param, const QString& text) {
    type(window_->current().inspector()->findChild<widgets::DescriptionForm*>(), param, text);
  }

 private:
  QTemporaryDir folder_;
  app::Settings settings_;
  app::RecoveryStore recovery_;
  std::unique_ptr<MainWindow> window_;
};

/// Leaves a picture of a widget in $NW_SCREENSHOTS at 1× and 2×.
inline void screenshot(QWidget& widget, const QString& name) {
  const QString folder = qEnvironmentVariable("NW_SCREENSHOTS");
  if (folder.isEmpty()) return;
  QDir().mkpath(folder);
  for (const int scale : {1, 2}) {
    QPixmap picture(widget.size() * scale);
    picture.setDevicePixelRatio(scale);
    picture.fill(widget.palette().color(QPalette::Window));
    widget.render(&picture);
    QVERIFY(picture.save(QDir(folder).filePath(name + (scale == 2 ? "-2x.png" : ".png"))));
  }
}

}  // namespace nw::test
