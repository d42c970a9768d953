#pragma once

#include <QThread>
#include <memory>

#include "app/training/active_run.h"
#include "core/graph/project.h"
#include "core/train/trainer.h"

namespace nw::app {

class EventMailbox;

/// A run on a thread of this process.
class RunThread : public ActiveRun {
 public:
  RunThread(graph::Project project, Begin begin);
  /// Waits for the current batch.
  ~RunThread() override;

  void send(train::Command command) override;
  std::vector<train::RunEvent> takeEvents() override;
  void wait() override;
  bool hasWeights() const override { return started_; }
  std::function<nn::StateDict()> weights() const override;
  /// It keeps no checkpoints: what ends it leaves its cause in this process.
  bool canGoOn() const override { return false; }
  std::unique_ptr<ActiveRun> goOn(const std::string&) const override { return nullptr; }

 private:
  std::shared_ptr<EventMailbox> mailbox_;
  std::shared_ptr<train::Trainer> trainer_;
  std::unique_ptr<QThread> thread_;
  bool started_ = false;  // the model is there
};

}  // namespace nw::app
