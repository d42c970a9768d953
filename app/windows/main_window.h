#pragma once

#include <QMainWindow>
#include <QPointer>
#include <QUndoGroup>
#include <vector>

#include "app/settings/settings.h"
#include "app/windows/command_search.h"
#include "app/windows/message_area.h"
#include "app/windows/workspace.h"

class QLabel;
class QStackedWidget;
class QTabWidget;

namespace nw::widgets {
class BlockPalette;
}

namespace nw::app {

class MainMenu;
class PanelDock;
class TrainBar;

/// The window: documents as tabs, the palette at the left, the inspector at the right, charts,
/// settings and problems below. Borrows settings and recovery store.
class MainWindow : public QMainWindow {
  Q_OBJECT

 public:
  MainWindow(Settings& settings, RecoveryStore& recovery, QWidget* parent = nullptr);
  ~MainWindow() override;

  /// Never null: with the last tab goes the window.
  Workspace& current() const;
  int documentCount() const;
  MessageArea& messages() const { return *messages_; }

  void newDocument();
  /// False, and a message, when the file cannot be read; nothing else changes then.
  bool openFile(const QString& path);
  /// Opens a project of resources/examples as an untitled copy.
  void openExample(const QString& name);
  /// Offers what a program that ended badly left behind.
  void offerRecovery();
  void setTheme(widgets::ThemeKind theme);

  /// The verbs of the menu.
  void askAndOpen();
  bool save();
  bool saveAs();
  void exportWeights();
  void closeCurrent();
  void train();
  void stepOnce();
  void toggleTheme();
  void focusSearch();

  std::vector<PanelDock*> panels() const;
  TrainBar& trainBar() const { return *bar_; }

 signals:
  /// Another tab came to the front, or the selection in it changed what can be done.
  void currentChanged();
  void recentFilesChanged();

 protected:
  void closeEvent(QCloseEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  enum class Page { Charts, Training, Problems };

  void buildBar();
  void buildPanels();
  void buildStatus();
  void restoreLayout();

  Workspace& addWorkspace();
  /// The tab in front when nothing would be lost in it, else a new one.
  Workspace& workspaceToFill();
  QWidget* closeButton(Workspace* workspace);
  Workspace* workspaceAt(int tab) const;
  void connectWorkspace(Workspace* workspace);
  void showCurrent();
  void showTitles();
  void showStatus();
  void showPage(int page);
  /// Whether the tab may go: nothing unsaved, or saved, or given up.
  bool mayClose(Workspace& workspace);
  bool saveTo(Workspace& workspace, const QString& path);
  void restore(const RecoveryStore::Orphan& orphan);
  void removeTab(int tab);
  bool readyToTrain();
  void tellFailure(Workspace& workspace, const QString& text);
  void tellExport(const QString& path, const QString& error);
  QString suggestedPath(const QString& suffix) const;
  std::vector<Command> commands();

  Settings& settings_;
  RecoveryStore& recovery_;
  QUndoGroup history_;
  std::vector<Workspace*> workspaces_;
  MessageArea* messages_ = nullptr;
  QTabWidget* tabs_ = nullptr;
  TrainBar* bar_ = nullptr;
  CommandSearch* search_ = nullptr;
  MainMenu* menu_ = nullptr;
  PanelDock* blocks_ = nullptr;
  PanelDock* inspectorDock_ = nullptr;
  PanelDock* bottom_ = nullptr;
  widgets::BlockPalette* palette_ = nullptr;
  QStackedWidget* inspectors_ = nullptr;
  QStackedWidget* charts_ = nullptr;
  QStackedWidget* forms_ = nullptr;
  QStackedWidget* problemLists_ = nullptr;
  QLabel* summary_ = nullptr;
  QLabel* saved_ = nullptr;
};

}  // namespace nw::app
