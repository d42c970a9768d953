#include "app/training/training_session.h"

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace nw::app {
namespace {

constexpr int kDeliveryMs = 33;

/// Lets the window's thread go first where the processors are fewer than the threads. Threads that
/// this one makes (the kernels' pool) inherit it.
void yieldToWindow() {
#ifdef __linux__
  constexpr int kNice = 5;
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
#endif
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
  if (trainer_) trainer_->stop();
  if (thread_) thread_->wait();
  writers_.waitForDone();
}

void TrainingSession::start(graph::Project project) {
  if (!isActive()) launch(std::move(project), Begin::Running);
}

void TrainingSession::step(const graph::Project& project) {
  if (!isActive()) {
    launch(project, Begin::OneStep);
  } else if (state_ == State::Paused) {
    trainer_->step();
  }
}

void TrainingSession::launch(graph::Project project, Begin begin) {
  weights_ = false;
  mailbox_ = std::make_shared<EventMailbox>();
  trainer_ = std::make_shared<train::Trainer>(
      std::move(project), [mailbox = mailbox_](const train::Event& event) { mailbox->put(event); });
  if (begin == Begin::OneStep) trainer_->step();
  if (thread_) thread_->wait();  // the last run told its end just before its thread's
  thread_.reset(QThread::create([trainer = trainer_] {
    yieldToWindow();
    trainer->run();
  }));
  thread_->setObjectName("training");
  setState(State::Preparing);
  thread_->start();
  delivery_.start();
}

void TrainingSession::pause() {
  if (state_ == State::Preparing || state_ == State::Running) trainer_->pause();
}

void TrainingSession::resume() {
  if (state_ == State::Paused) trainer_->resume();
}

void TrainingSession::stop() {
  if (!isActive() || state_ == State::Stopping) return;
  trainer_->stop();
  setState(State::Stopping);
}

void TrainingSession::finish() {
  stop();
  if (thread_) thread_->wait();
  deliver();
}

void TrainingSession::deliver() {
  if (!mailbox_) return;
  const std::vector<train::Event> arrived = mailbox_->takeAll();
  if (arrived.empty()) return;
  for (const train::Event& event : arrived) follow(event);
  emit events(arrived);
}

void TrainingSession::follow(const train::Event& event) {
  if (std::holds_alternative<train::Started>(event)) weights_ = true;
  if (std::holds_alternative<train::Started>(event) ||
      std::holds_alternative<train::Resumed>(event)) {
    if (state_ != State::Stopping) setState(State::Running);
  } else if (std::holds_alternative<train::Paused>(event)) {
    if (state_ != State::Stopping) setState(State::Paused);
  } else if (std::holds_alternative<train::Finished>(event)) {
    delivery_.stop();
    setState(State::Idle);
  }
}

void TrainingSession::setState(State state) {
  if (state_ == state) return;
  state_ = state;
  emit stateChanged(state);
}

void TrainingSession::exportWeights(const QString& path, io::StateFormat format) {
  if (!weights_) {
    emit exported(path, tr("There are no weights yet: press Train first."));
    return;
  }
  writers_.start([this, trainer = trainer_, path, format] {
    QString error;
    try {
      io::save_state(trainer->state_dict(), path.toStdString(), format);
    } catch (const std::exception& failure) {
      error = QString::fromUtf8(failure.what());
    }
    QMetaObject::invokeMethod(
        this, [this, path, error] { emit exported(path, error); }, Qt::QueuedConnection);
  });
}

}  // namespace nw::app
