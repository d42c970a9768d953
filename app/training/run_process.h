#pragma once

#include <QCoreApplication>
#include <QTemporaryDir>
#include <QThread>

#include "app/training/active_run.h"
#include "app/training/event_mailbox.h"
#include "core/graph/project.h"

namespace nw::app {

class ProcessKeeper;

/// A run in processes of their own, one for each device of the project: started, watched and
/// steered through `netwright-cli train --events`, so that their death never is the window's. What
/// they tell is read on a thread of its own.
class RunProcess : public ActiveRun {
  Q_DECLARE_TR_FUNCTIONS(RunProcess)

 public:
  RunProcess(const graph::Project& project, Begin begin);
  ~RunProcess() override;

  void send(train::Command command) override;
  std::vector<train::RunEvent> takeEvents() override { return mailbox_.takeAll(); }
  /// By force when it takes much longer than a batch may.
  void wait() override;
  /// They are kept at the end of each epoch and of the run.
  bool hasWeights() const override;
  std::function<nn::StateDict()> weights() const override;
  /// Once the first epoch has ended.
  bool canGoOn() const override;
  std::unique_ptr<ActiveRun> goOn(const std::string& device) const override;

 private:
  RunProcess(graph::Project project, Begin begin, std::shared_ptr<QTemporaryDir> folder);
  /// Does it on the keeper's thread; nothing once that has ended.
  void ask(const std::function<void(ProcessKeeper&)>& task);
  QString finalWeights() const;
  QString checkpoint() const;

  graph::Project project_;
  std::shared_ptr<QTemporaryDir> folder_;  // shared with the runs that went on from this one
  EventMailbox mailbox_;
  QThread thread_;
  std::unique_ptr<ProcessKeeper> keeper_;
};

}  // namespace nw::app
