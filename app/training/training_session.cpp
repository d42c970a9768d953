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

void TrainingSession::goOn(const std::string& device) {
  if (canGoOn()) follow(run_->goOn(device));
}

void TrainingSession::launch(const graph::Project& project, ActiveRun::Begin begin) {
  run_.reset();  // at most one computes
  if (needsProcesses(project)) {
    follow(std::make_unique<RunProcess>(project, begin));
  } else {
    follow(std::make_unique<RunThread>(project, begin));
  }
}

void TrainingSession::follow(std::unique_ptr<ActiveRun> run) {
  run_ = std::move(run);
  lost_ = failed_ = false;
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
    failed_ = finished->outcome == train::Outcome::Failed;
    setState(State::Idle);
    if (failed_) return told.push_back(afterFailure(*finished));
  }
  std::visit(
      [&](const auto& one) {
        if constexpr (std::is_constructible_v<train::Event, decltype(one)>) told.emplace_back(one);
      },
      event);
}

train::Event TrainingSession::afterFailure(train::Finished finished) const {
  QString more;
  if (lost_) more = tr(". The other processes were ended, too");
  if (canGoOn()) {
    if (lost_) more += '.';
    more += tr(" Resume goes on after the last whole epoch; its weights can be exported, too.");
  } else if (lost_) {
    more += tr("; press Train to start again.");
  }
  finished.text += more.toStdString();
  return finished;
}

void TrainingSession::setState(State state) {
  if (state_ == state) return;
  state_ = state;
  emit stateChanged(state);
}

QString TrainingSession::missingWeights() const {
  if (hasWeights()) return {};
  return isActive() ? tr("There are no weights yet: they come with the first batch, or on several "
                         "devices with the end of the first epoch.")
                    : tr("There are no weights yet: press Train first.");
}

void TrainingSession::exportWeights(const QString& path, io::StateFormat format) {
  const QString missing = missingWeights();
  if (!missing.isEmpty()) return emit exported(path, missing);
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
