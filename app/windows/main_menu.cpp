#include "app/windows/main_menu.h"

#include <QActionGroup>
#include <QFileInfo>
#include <QMenuBar>

#include "app/document/examples.h"
#include "app/windows/device_button.h"
#include "app/windows/help.h"
#include "app/windows/main_window.h"
#include "app/windows/panel_dock.h"
#include "app/windows/train_bar.h"
#include "widgets/canvas/canvas_scene.h"
#include "widgets/canvas/canvas_view.h"
#include "widgets/style/icons.h"

namespace nw::app {

MainMenu::MainMenu(MainWindow& window, QUndoGroup& history, const Settings& settings)
    : QObject(&window), window_(window), history_(history), settings_(settings) {
  buildFile();
  buildEdit();
  buildView();
  buildRun();
  buildHelp();
  connect(&window_, &MainWindow::recentFilesChanged, this, &MainMenu::showRecent);
}

QMenu* MainMenu::addMenu(const QString& title) {
  menus_.push_back(window_.menuBar()->addMenu(title));
  return menus_.back();
}

QAction* MainMenu::add(QMenu* menu, const QString& icon, const QString& text,
                       const QKeySequence& keys, const std::function<void()>& run) {
  QAction* action = menu->addAction(text);
  if (!icon.isEmpty()) action->setIcon(widgets::icon(icon));
  action->setShortcut(keys);
  connect(action, &QAction::triggered, this, run);
  return action;
}

void MainMenu::buildFile() {
  QMenu* menu = addMenu(tr("&File"));
  add(menu, "new", tr("&New"), QKeySequence::New, [this] { window_.newDocument(); });
  add(menu, "open", tr("&Open…"), QKeySequence::Open, [this] { window_.askAndOpen(); });
  recent_ = menu->addMenu(tr("Open &recent"));
  showRecent();
  QMenu* samples = menu->addMenu(tr("Open &example"));
  for (const Example& example : examples()) {
    add(samples, example.icon, QString("%1 · %2").arg(example.title, example.summary), {},
        [this, name = example.name] { window_.openExample(name); });
  }
  menu->addSeparator();
  add(menu, "save", tr("&Save"), QKeySequence::Save, [this] { window_.save(); });
  add(menu, "", tr("Save &as…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_S),
      [this] { window_.saveAs(); });
  add(menu, "export", tr("&Export weights…"), QKeySequence(Qt::CTRL | Qt::Key_E),
      [this] { window_.exportWeights(); });
  menu->addSeparator();
  add(menu, "close", tr("&Close"), QKeySequence(Qt::CTRL | Qt::Key_W),
      [this] { window_.closeCurrent(); });
  add(menu, "", tr("&Quit"), QKeySequence(Qt::CTRL | Qt::Key_Q), [this] {
    window_.close();
  })->setMenuRole(QAction::QuitRole);
}

void MainMenu::showRecent() {
  recent_->clear();
  for (const QString& path : settings_.recentFiles()) {
    QAction* action = recent_->addAction(QFileInfo(path).fileName());
    action->setToolTip(path);
    connect(action, &QAction::triggered, this, [this, path] { window_.openFile(path); });
  }
  recent_->setToolTipsVisible(true);
  recent_->setEnabled(!recent_->isEmpty());
}

void MainMenu::buildEdit() {
  QMenu* menu = addMenu(tr("&Edit"));
  QAction* undo = history_.createUndoAction(this, tr("Undo"));
  undo->setIcon(widgets::icon("undo"));
  undo->setShortcut(QKeySequence::Undo);
  QAction* redo = history_.createRedoAction(this, tr("Redo"));
  redo->setIcon(widgets::icon("redo"));
  redo->setShortcuts(
      {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), QKeySequence(Qt::CTRL | Qt::Key_Y)});
  menu->addActions({undo, redo});
  menu->addSeparator();
  const auto current = [this]() -> Workspace& { return window_.current(); };
  QAction* cut =
      add(menu, "cut", tr("Cu&t"), QKeySequence::Cut, [current] { current().cutSelection(); });
  QAction* copy =
      add(menu, "copy", tr("&Copy"), QKeySequence::Copy, [current] { current().copySelection(); });
  add(menu, "paste", tr("&Paste"), QKeySequence::Paste, [current] { current().paste(); });
  add(menu, "", tr("Copy as P&yTorch code"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_C),
      [current] { current().copyCode(); });
  QAction* duplicate = add(menu, "duplicate", tr("D&uplicate"), QKeySequence(Qt::CTRL | Qt::Key_D),
                           [current] { current().duplicateSelection(); });
  QAction* remove = add(menu, "delete", tr("&Delete"), QKeySequence::Delete,
                        [current] { current().canvas()->canvas()->removeSelection(); });
  menu->addSeparator();
  add(menu, "", tr("Select &all"), QKeySequence::SelectAll, [current] { current().selectAll(); });
  add(menu, "search", tr("Search &everything"), QKeySequence(Qt::CTRL | Qt::Key_K),
      [this] { window_.focusSearch(); });
  connect(menu, &QMenu::aboutToShow, this, [=] {
    const auto* canvas = current().canvas()->canvas();
    const bool blocks = !canvas->selectedIds().isEmpty();
    for (QAction* action : {cut, copy, duplicate}) action->setEnabled(blocks);
    remove->setEnabled(blocks || !canvas->selectedWires().isEmpty());
  });
  // A shortcut must act although the menu was last seen with nothing selected.
  connect(menu, &QMenu::aboutToHide, this, [=] {
    for (QAction* action : {cut, copy, duplicate, remove}) action->setEnabled(true);
  });
}

void MainMenu::buildView() {
  QMenu* menu = addMenu(tr("&View"));
  const auto canvas = [this] { return window_.current().canvas(); };
  add(menu, "zoom-in", tr("Zoom &in"), QKeySequence::ZoomIn, [canvas] { canvas()->zoomIn(); });
  add(menu, "zoom-out", tr("Zoom &out"), QKeySequence::ZoomOut, [canvas] { canvas()->zoomOut(); });
  add(menu, "", tr("&Actual size"), QKeySequence(Qt::CTRL | Qt::Key_0),
      [canvas] { canvas()->resetZoom(); });
  add(menu, "fit", tr("&Fit"), QKeySequence(Qt::CTRL | Qt::Key_9), [canvas] { canvas()->fit(); });
  menu->addSeparator();
  add(menu, "arrange", tr("Arran&ge"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_G),
      [canvas] { canvas()->canvas()->arrange(); });
  QAction* sideways = add(menu, "layout-horizontal", tr("Flow left to &right"), {}, [] {});
  sideways->setCheckable(true);
  connect(sideways, &QAction::toggled, this, [canvas](bool on) {
    canvas()->canvas()->setFlowDirection(on ? widgets::FlowDirection::LeftToRight
                                            : widgets::FlowDirection::TopToBottom);
    canvas()->canvas()->arrange();
    canvas()->fit();
  });
  connect(menu, &QMenu::aboutToShow, this, [canvas, sideways] {
    const QSignalBlocker quiet(sideways);
    sideways->setChecked(canvas()->canvas()->flowDirection() ==
                         widgets::FlowDirection::LeftToRight);
  });
  menu->addSeparator();
  for (PanelDock* panel : window_.panels()) menu->addAction(panel->toggleViewAction());
  menu->addSeparator();
  QMenu* theme = menu->addMenu(tr("&Theme"));
  buildThemes(theme);
}

void MainMenu::buildThemes(QMenu* menu) {
  using widgets::ThemeKind;
  const std::pair<QString, ThemeKind> themes[] = {{tr("As the &desktop"), ThemeKind::System},
                                                  {tr("&Light"), ThemeKind::Light},
                                                  {tr("D&ark"), ThemeKind::Dark},
                                                  {tr("&High contrast"), ThemeKind::HighContrast}};
  auto* group = new QActionGroup(menu);
  for (const auto& [title, kind] : themes) {
    QAction* action = add(menu, "", title, {}, [this, kind = kind] { window_.setTheme(kind); });
    action->setCheckable(true);
    action->setData(static_cast<int>(kind));
    group->addAction(action);
  }
  connect(menu, &QMenu::aboutToShow, this, [this, group] {
    for (QAction* action : group->actions()) {
      action->setChecked(action->data().toInt() == static_cast<int>(settings_.theme()));
    }
  });
}

void MainMenu::buildRun() {
  QMenu* menu = addMenu(tr("&Run"));
  const TrainBar& bar = window_.trainBar();
  menu->addActions({bar.trainAction(), bar.pauseAction(), bar.stopAction(), bar.stepAction()});
  menu->addSeparator();
  menu->addMenu(bar.device().menu());
}

void MainMenu::buildHelp() {
  QMenu* menu = addMenu(tr("&Help"));
  add(menu, "help", tr("&How to…"), QKeySequence::HelpContents, [this] { showHelp(&window_); });
  add(menu, "info", tr("&About Netwright"), {}, [this] { showAbout(&window_); });
}

std::vector<QAction*> MainMenu::actions() const {
  std::vector<QAction*> found;
  std::vector<QMenu*> open = menus_;
  while (!open.empty()) {
    const QMenu* menu = open.back();
    open.pop_back();
    for (QAction* action : menu->actions()) {
      if (action->menu() == window_.trainBar().device().menu()) continue;  // has offers()
      if (action->menu()) {
        open.push_back(action->menu());
      } else if (!action->isSeparator()) {
        found.push_back(action);
      }
    }
  }
  return found;
}

}  // namespace nw::app
