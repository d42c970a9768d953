#pragma once

#include <QByteArray>
#include <QObject>
#include <QProcess>
#include <QTemporaryDir>

#include "app/training/active_run.h"
#include "core/graph/project.h"

namespace nw::app {

/// A run in processes of their own, one for each device of the project: started, watched and
/// steered through `netwright-cli train --events`, so that their death never is the window's.
class RunProcess : public QObject, public ActiveRun {
  Q_OBJECT

 public:
  RunProcess(const graph::Project& project, Begin begin);
  ~RunProcess() override;

  void send(train::Command command) override;
  std::vector<train::RunEvent> takeEvents() override;
  /// By force when it takes much longer than a batch may.
  void wait() override;
  /// They are kept at the end of each epoch and of the run.
  bool hasWeights() const override;
  std::function<nn::StateDict()> weights() const override;

 private:
  void start(const graph::Project& project, Begin begin);
  void readLines();
  void end();
  QString finalWeights() const;
  QString checkpoint() const;

  std::shared_ptr<QTemporaryDir> folder_;
  QProcess process_;
  QByteArray unread_;      // the begin of a line
  QByteArray complaints_;  // the last words on its standard error
  std::vector<train::RunEvent> events_;
  bool finished_ = false;
};

}  // namespace nw::app
