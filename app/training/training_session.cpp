#include "app/training/training_session.h"

#include "app/training/run_process.h"
#include "app/training/run_thread.h"
#include "core/graph/devices.h"

namespace nw::app {
namespace {

constexpr int kDeliveryMs = 33;

/// Several devices have a process each. What is wrong with the setting, the run itself tells.
bool needsProcesses(const graph::Project& project) {
  try {
    return graph::devices_of(project.run.device).size() > 1;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

TrainingSession::TrainingSession(QObject* parent) : QObject(parent) {
  delivery_.setTimerType(Qt::PreciseTimer);
  delivery_.setInterval(kDeliveryMs);
  connect(&delivery_, &QTimer::timeout, this, &TrainingSession::deliver);
  // Exports to one file must not overtake each other.
  writers_.setMaxThreadCount(1);
}

TrainingSession::~TrainingSession() {
  run_.reset();
  writers_.waitForDone();
}

void TrainingSession::start(const graph::Project& project) {
  if (!isActive()) launch(project, ActiveRun::Begin::Running);
}

void TrainingSession::step(const graph::Project& project) {
  if (!isActive()) {
    launch(project, ActiveRun::Begin::OneStep);
  } else if (state_ == State::Paused) {
    run_->send(train::Command::Step);
  }
}

void TrainingSession::launch(const graph::Project& project, ActiveRun::Begin begin) {
  run_.reset();
  lost_ = false;
  if (needsProcesses(project)) {
    run_ = std::make_unique<RunProcess>(project, begin);
  } else {
    run_ = std::make_unique<RunThread>(project, begin);
  }
  setState(State::Preparing);
  delivery_.start();
}

void TrainingSession::pause() {
  if (state_ == State::Preparing || state_ == State::Running) run_->send(train::Command::Pause);
}

void TrainingSession::resume() {
  if (state_ == State::Paused) run_->send(train::Command::Resume);
}

void TrainingSession::stop() {
  if (!isActive() || state_ == State::Stopping) return;
  run_->send(train::Command::Stop);
  setState(State::Stopping);
}

void TrainingSession::finish() {
  if (!isActive()) return;
  stop();
  run_->wait();
  deliver();
}

void TrainingSession::deliver() {
  if (!run_) return;
  std::vector<train::Event> told;
  for (const train::RunEvent& event : run_->takeEvents()) follow(event, told);
  if (!told.empty()) emit events(told);
}

void TrainingSession::follow(const train::RunEvent& event, std::vector<train::Event>& told) {
  if (const auto* joined = std::get_if<train::Joined>(&event)) return emit ranksJoined(*joined);
  if (const auto* lost = std::get_if<train::RankLost>(&event)) {
    lost_ = true;
    return emit rankLost(*lost);
  }
  if (std::holds_alternative<train::Started>(event) ||
      std::holds_alternative<train::Resumed>(event)) {
    if (state_ != State::Stopping) setState(State::Running);
  } else if (std::holds_alternative<train::Paused>(event)) {
    if (state_ != State::Stopping) setState(State::Paused);
  } else if (const auto* finished = std::get_if<train::Finished>(&event)) {
    delivery_.stop();
    setState(State::Idle);
    if (lost_) return told.push_back(afterLoss(*finished));
  }
  std::visit(
      [&](const auto& one) {
        if constexpr (std::is_constructible_v<train::Event, decltype(one)>) told.emplace_back(one);
      },
      event);
}

train::Event TrainingSession::afterLoss(train::Finished finished) const {
  finished.text +=
      (hasWeights() ? tr(". The other processes were ended, too. The weights of the "
                         "last whole epoch can be exported; press Train to start again.")
                    : tr(". The other processes were ended, too; press Train to start "
                         "again."))
          .toStdString();
  return finished;
}

void TrainingSession::setState(State state) {
  if (state_ == state) return;
  state_ = state;
  emit stateChanged(state);
}

void TrainingSession::exportWeights(const QString& path, io::StateFormat format) {
  if (!hasWeights()) {
    emit exported(
        path, run_ ? tr("There are no weights yet: they come with the first batch, or on several "
                        "devices with the first epoch.")
                   : tr("There are no weights yet: press Train first."));
    return;
  }
  writers_.start([this, weights = run_->weights(), path, format] {
    QString error;
    try {
      io::save_state(weights(), path.toStdString(), format);
    } catch (const std::exception& failure) {
      error = QString::fromUtf8(failure.what());
    }
    QMetaObject::invokeMethod(
        this, [this, path, error] { emit exported(path, error); }, Qt::QueuedConnection);
  });
}

}  // namespace nw::app
