#include "app/training/run_thread.h"

#include <algorithm>

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "app/training/event_mailbox.h"

namespace nw::app {
namespace {

/// Lets the window's thread go first where the processors are fewer than the threads. Threads that
/// this one makes (the kernels' pool) inherit it.
void yieldToWindow() {
#ifdef __linux__
  constexpr int kNice = 5;
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
#endif
}

}  // namespace

RunThread::RunThread(graph::Project project, Begin begin)
    : mailbox_(std::make_shared<EventMailbox>()),
      trainer_(std::make_shared<train::Trainer>(
          std::move(project), [mailbox = mailbox_](const train::Event& event) {
            std::visit([&](const auto& one) { mailbox->put(one); }, event);
          })) {
  if (begin == Begin::OneStep) trainer_->step();
  thread_.reset(QThread::create([trainer = trainer_] {
    yieldToWindow();
    trainer->run();
  }));
  thread_->setObjectName("training");
  thread_->start();
}

RunThread::~RunThread() {
  trainer_->stop();
  thread_->wait();
}

void RunThread::send(train::Command command) {
  switch (command) {
    case train::Command::Pause:
      return trainer_->pause();
    case train::Command::Resume:
      return trainer_->resume();
    case train::Command::Stop:
      return trainer_->stop();
    case train::Command::Step:
      return trainer_->step();
  }
}

std::vector<train::RunEvent> RunThread::takeEvents() {
  std::vector<train::RunEvent> told = mailbox_->takeAll();
  started_ = started_ || std::any_of(told.begin(), told.end(), [](const train::RunEvent& event) {
               return std::holds_alternative<train::Started>(event);
             });
  return told;
}

void RunThread::wait() {
  thread_->wait();
}

std::function<nn::StateDict()> RunThread::weights() const {
  return [trainer = trainer_] { return trainer->state_dict(); };
}

}  // namespace nw::app
