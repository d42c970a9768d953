#pragma once

#include <QObject>
#include <QThreadPool>
#include <QTimer>
#include <memory>
#include <vector>

#include "app/training/active_run.h"
#include "core/graph/project.h"
#include "core/io/state_file.h"

namespace nw::app {

/// Trains a project, on a thread of its own or, on several devices, in a process for each, and
/// tells the window about it at most 30 times a second.
/// Its members belong to the window's thread and return at once; what they ask for happens within
/// one batch. The weights of the last run stay until the next one starts.
class TrainingSession : public QObject {
  Q_OBJECT

 public:
  enum class State {
    Idle,
    Preparing,  // data and model are being made
    Running,
    Paused,
    Stopping,  // the current batch still ends
  };
  Q_ENUM(State)

  explicit TrainingSession(QObject* parent = nullptr);
  /// Stops the run and waits for it: one batch at most.
  ~TrainingSession() override;

  State state() const { return state_; }
  bool isActive() const { return state_ != State::Idle; }
  /// Whether there are weights to export: the run has made its model.
  bool hasWeights() const { return run_ && run_->hasWeights(); }
  /// The last run has failed and left a checkpoint.
  bool canGoOn() const { return !isActive() && failed_ && run_->canGoOn(); }

  /// Why there are no weights to export; empty: there are.
  QString missingWeights() const;

  /// Starts a run of the project as it is now; nothing while one goes on.
  void start(const graph::Project& project);
  void pause();
  void resume();
  void stop();
  /// Trains one batch of a paused run and pauses again; without a run, starts one in this way.
  void step(const graph::Project& project);
  /// Takes up a run that has failed from its last checkpoint, on `device`; nothing where
  /// canGoOn() says no.
  void goOn(const std::string& device);
  /// Stops and waits until the run has ended and its last events were told.
  void finish();

  /// Writes the weights as they are between two batches; answered by exported().
  void exportWeights(const QString& path, io::StateFormat format);

 signals:
  void stateChanged(nw::app::TrainingSession::State state);
  /// Events in order, at most 30 times a second.
  void events(const std::vector<nw::train::Event>& events);
  /// The processes of a run on several devices have found together; comes before its events.
  void ranksJoined(const nw::train::Joined& joined);
  /// One of them was lost, and the run with it.
  void rankLost(const nw::train::RankLost& lost);
  /// `error` tells what failed, where and what to do; empty when the file is written.
  void exported(const QString& path, const QString& error);

 private:
  void launch(const graph::Project& project, ActiveRun::Begin begin);
  void follow(std::unique_ptr<ActiveRun> run);
  void deliver();
  void follow(const train::RunEvent& event, std::vector<train::Event>& told);
  /// With what can be done now.
  train::Event afterFailure(train::Finished finished) const;
  void setState(State state);

  State state_ = State::Idle;
  std::unique_ptr<ActiveRun> run_;  // the last one, too: it keeps the weights
  bool lost_ = false;               // the run has lost a process
  bool failed_ = false;
  QTimer delivery_;
  QThreadPool writers_;
};

}  // namespace nw::app
