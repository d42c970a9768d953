#include <QCloseEvent>
#include <QDesktopServices>
#include <QDir>
#include <QFileInfo>
#include <QTabWidget>
#include <QUrl>

#include "app/document/examples.h"
#include "app/windows/main_window.h"
#include "app/windows/prompts.h"
#include "widgets/canvas/canvas_view.h"

namespace nw::app {
namespace {

using Tone = MessageArea::Tone;

}  // namespace

void MainWindow::newDocument() {
  addWorkspace();
}

bool MainWindow::openFile(const QString& path) {
  for (int tab = 0; tab < tabs_->count(); ++tab) {
    if (workspaceAt(tab)->document().path() == QFileInfo(path).absoluteFilePath()) {
      tabs_->setCurrentIndex(tab);
      return true;
    }
  }
  // Read first: a bad file must not cost the tab that it would have filled.
  ProjectOrError project = readProject(path);
  if (const QString* error = std::get_if<QString>(&project)) {
    messages_->show("open", Tone::Error, *error);
    settings_.removeRecentFile(QFileInfo(path).absoluteFilePath());
    emit recentFilesChanged();
    return false;
  }
  Workspace& workspace = workspaceToFill();
  workspace.document().adoptFile(std::get<graph::Project>(std::move(project)), path);
  workspace.showWhole();
  messages_->dismiss("open");
  settings_.addRecentFile(workspace.document().path());
  settings_.setFolder(QFileInfo(path).absolutePath());
  emit recentFilesChanged();
  return true;
}

void MainWindow::openExample(const QString& name) {
  ProjectOrError project = readExample(name);
  if (const QString* error = std::get_if<QString>(&project)) {
    messages_->show("open", Tone::Error, *error);
    return;
  }
  Workspace& workspace = workspaceToFill();
  workspace.document().adopt(std::get<graph::Project>(std::move(project)), name, false);
  workspace.showWhole();
}

void MainWindow::offerRecovery() {
  const std::vector<RecoveryStore::Orphan> orphans = recovery_.orphans();
  if (orphans.empty()) return;
  QStringList names;
  for (const RecoveryStore::Orphan& orphan : orphans) {
    names << tr("“%1” (%2)").arg(orphan.title, orphan.savedAt.toString("d MMM, HH:mm"));
  }
  const bool one = orphans.size() == 1;
  const QString text = one ? tr("%1 was not saved when the program ended.").arg(names[0])
                           : tr("%1 projects were not saved when the program ended: %2.")
                                 .arg(names.size())
                                 .arg(names.join(QStringLiteral(", ")));
  messages_->show("recovery", Tone::Warning, text, one ? tr("Restore") : tr("Restore all"),
                  [this, orphans] {
                    for (const RecoveryStore::Orphan& orphan : orphans) restore(orphan);
                  });
}

void MainWindow::restore(const RecoveryStore::Orphan& orphan) {
  if (std::optional<graph::Project> project = recovery_.read(orphan.file)) {
    Workspace& workspace = workspaceToFill();
    workspace.document().adopt(std::move(*project), orphan.title, true);
    workspace.autosave().save();
    workspace.showWhole();
  }
  recovery_.removeLater(orphan.file);
}

void MainWindow::askAndOpen() {
  const QString path = askFileToOpen(this, settings_.folder());
  if (!path.isEmpty()) openFile(path);
}

bool MainWindow::save() {
  Document& document = current().document();
  return document.path().isEmpty() ? saveAs() : saveTo(current(), document.path());
}

bool MainWindow::saveAs() {
  const QString path = askFileToSave(this, suggestedPath(".netwright"));
  return !path.isEmpty() && saveTo(current(), path);
}

bool MainWindow::saveTo(Workspace& workspace, const QString& path) {
  const QString error = workspace.document().save(path);
  if (!error.isEmpty()) {
    messages_->show("save", Tone::Error, error, tr("Save elsewhere…"), [this] { saveAs(); });
    return false;
  }
  messages_->dismiss("save");
  settings_.addRecentFile(workspace.document().path());
  settings_.setFolder(QFileInfo(path).absolutePath());
  emit recentFilesChanged();
  return true;
}

QString MainWindow::suggestedPath(const QString& suffix) const {
  Document& document = current().document();
  const QString folder =
      document.path().isEmpty() ? settings_.folder() : QFileInfo(document.path()).absolutePath();
  return QDir(folder).filePath(document.title() + suffix);
}

void MainWindow::exportWeights() {
  const QString missing = current().session().missingWeights();
  if (!missing.isEmpty()) return messages_->show("export", Tone::Info, missing);
  const ExportChoice choice = askWeightsFile(this, suggestedPath(".pt"));
  if (choice.path.isEmpty()) return;
  settings_.setFolder(QFileInfo(choice.path).absolutePath());
  current().session().exportWeights(choice.path, choice.format);
}

void MainWindow::tellExport(const QString& path, const QString& error) {
  if (!error.isEmpty()) {
    messages_->show("export", Tone::Error, error);
    return;
  }
  messages_->show(
      "export", Tone::Success, tr("The weights are in %1.").arg(path), tr("Show in folder"),
      [path] { QDesktopServices::openUrl(QUrl::fromLocalFile(QFileInfo(path).absolutePath())); });
}

bool MainWindow::mayClose(Workspace& workspace) {
  if (!workspace.document().isModified()) return true;
  tabs_->setCurrentWidget(workspace.canvas());
  switch (askAboutUnsaved(this, workspace.document().title())) {
    case Unsaved::Save:
      return save();
    case Unsaved::Discard:
      return true;
    case Unsaved::Cancel:
      return false;
  }
  return false;
}

void MainWindow::closeCurrent() {
  Workspace& closing = current();
  if (!mayClose(closing)) return;
  if (tabs_->count() == 1) addWorkspace();
  removeTab(tabs_->indexOf(closing.canvas()));
}

void MainWindow::removeTab(int tab) {
  Workspace* workspace = workspaceAt(tab);
  tabs_->removeTab(tab);
  std::erase(workspaces_, workspace);
  delete workspace;
  showCurrent();
}

void MainWindow::closeEvent(QCloseEvent* event) {
  for (Workspace* workspace : std::vector<Workspace*>(workspaces_)) {
    if (!mayClose(*workspace)) {
      event->ignore();
      return;
    }
  }
  for (Workspace* workspace : workspaces_) workspace->session().finish();
  settings_.setWindow(saveGeometry(), saveState());
  event->accept();
}

}  // namespace nw::app
