#pragma once

#include <QObject>
#include <QPointer>
#include <memory>

#include "app/document/recovery.h"
#include "app/training/training_session.h"

namespace nw::widgets {
class CanvasScene;
class CanvasView;
class CurvesChart;
class Inspector;
class ProblemsPanel;
class ProgressStrip;
class RankStrip;
class RunSettingsForm;
}  // namespace nw::widgets

namespace nw::app {

/// Everything that belongs to one tab: the document, its run, and the views of both, which it keeps
/// in step. The window places the views and becomes their parent; they go with the workspace.
class Workspace : public QObject {
  Q_OBJECT

 public:
  explicit Workspace(RecoveryStore& store, QObject* parent = nullptr);
  ~Workspace() override;

  Document& document() { return document_; }
  TrainingSession& session() { return session_; }
  Autosave& autosave() { return autosave_; }

  widgets::CanvasView* canvas() const;
  widgets::Inspector* inspector() const;
  widgets::CurvesChart* chart() const;
  widgets::RankStrip* ranks() const;
  /// The curves, and with them the processes of a run on several devices.
  QWidget* chartPage() const;
  widgets::ProblemsPanel* problems() const;
  widgets::ProgressStrip* progress() const;
  /// Made when it is first asked for.
  widgets::RunSettingsForm* settingsForm();

  /// "conv1", or "Linear 3" by its place in the state_dict.
  QString nodeTitle(const graph::Node& node) const;
  /// Puts a block after the selected one, or at the end, and selects it.
  void append(const QString& block);
  void copySelection() const;
  void cutSelection();
  /// Blocks that were copied here, or a model as PyTorch code.
  void paste();
  /// The whole drawing, onto the clipboard.
  void copyCode();
  void duplicateSelection();
  void selectAll();
  /// Zooms so that the whole drawing is seen.
  void showWhole();
  /// Puts an example into the drawing; gives the reason when it cannot be read.
  QString insertExample(const QString& name);
  /// Starts, or goes on with, training.
  void train();
  void step();
  /// Takes up a run that has failed where its session can go on.
  void goOn();

 signals:
  /// A gesture that could not be done, and why.
  void refused(const QString& why);
  /// A run ended by itself or could not start; `text` tells what to do.
  void runFailed(const QString& text);
  void templateRequested(const QString& id);

 private:
  void connectCanvas();
  void connectPanels();
  void connectSession();
  void followChange(const Change& change);
  void showInference();
  /// What keeps the network from training, in a few words; empty: nothing.
  QString obstacle() const;
  void showSelection();
  void showDataNote();
  void select(const std::vector<graph::NodeId>& nodes);
  /// Selects what an edit brought and brings it into sight.
  void selectAdded(const std::vector<graph::NodeId>& nodes);
  void showEvents(const std::vector<train::Event>& events);
  void prepareViews();

  Document document_;
  Autosave autosave_;
  TrainingSession session_;
  widgets::CanvasScene* scene_;
  QPointer<widgets::CanvasView> canvas_;
  QPointer<widgets::Inspector> inspector_;
  QPointer<widgets::CurvesChart> chart_;
  QPointer<widgets::RankStrip> ranks_;
  QPointer<QWidget> chartPage_;
  QPointer<widgets::ProblemsPanel> problems_;
  QPointer<widgets::ProgressStrip> progress_;
  QPointer<widgets::RunSettingsForm> settingsForm_;
};

}  // namespace nw::app
