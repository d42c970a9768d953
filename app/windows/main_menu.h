#pragma once

#include <QMenu>
#include <QObject>
#include <QUndoGroup>
#include <functional>
#include <vector>

#include "app/settings/settings.h"

class QMenuBar;

namespace nw::app {

class MainWindow;

/// The menus of the main window, with their shortcuts.
class MainMenu : public QObject {
  Q_OBJECT

 public:
  MainMenu(MainWindow& window, QUndoGroup& history, const Settings& settings);

  /// Every command that can be chosen, for "search everything".
  std::vector<QAction*> actions() const;

 private:
  void buildFile();
  void buildEdit();
  void buildView();
  void buildThemes(QMenu* menu);
  void buildRun();
  void buildHelp();
  void showRecent();

  QAction* add(QMenu* menu, const QString& icon, const QString& text, const QKeySequence& keys,
               const std::function<void()>& run);
  QMenu* addMenu(const QString& title);

  MainWindow& window_;
  QUndoGroup& history_;
  const Settings& settings_;
  std::vector<QMenu*> menus_;
  QMenu* recent_ = nullptr;
};

}  // namespace nw::app
