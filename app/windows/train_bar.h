#pragma once

#include <QPointer>
#include <QToolBar>

#include "app/windows/workspace.h"

class QAction;
class QStackedWidget;

namespace nw::app {

class DeviceButton;

/// The line at the top: training, device, progress. Shows the workspace in front.
class TrainBar : public QToolBar {
  Q_OBJECT

 public:
  explicit TrainBar(QWidget* parent = nullptr);

  void setWorkspace(Workspace* workspace);

  QAction* trainAction() const { return train_; }
  QAction* pauseAction() const { return pause_; }
  QAction* stopAction() const { return stop_; }
  QAction* stepAction() const { return step_; }
  DeviceButton& device() const { return *device_; }

 signals:
  /// Train or Step was pressed while nothing runs.
  void trainRequested();
  void stepRequested();

 protected:
  void changeEvent(QEvent* event) override;

 private:
  void showAccent();
  void showState();
  void showDevice();

  QPointer<Workspace> workspace_;
  QAction* train_ = nullptr;
  QAction* pause_;
  QAction* stop_;
  QAction* step_;
  DeviceButton* device_;
  QStackedWidget* progress_;
};

}  // namespace nw::app
