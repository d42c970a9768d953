#include "app/cli/interrupt.h"

#include <pthread.h>

#include <ctime>

namespace nw::cli {

Interrupt::Interrupt(std::function<void()> stop, std::function<void()> hold)
    : stop_(std::move(stop)), hold_(std::move(hold)) {
  sigemptyset(&watched_);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGTSTP}) {
    if (number == SIGTSTP && !hold_) continue;
    struct sigaction current {};
    sigaction(number, nullptr, &current);
    if (current.sa_handler != SIG_IGN) sigaddset(&watched_, number);
  }
  pthread_sigmask(SIG_BLOCK, &watched_, &before_);
  thread_ = std::jthread([this](std::stop_token ended) { wait(ended); });
}

Interrupt::~Interrupt() {
  thread_.request_stop();
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Interrupt::wait(std::stop_token ended) {
  constexpr timespec kLookUp{0, 50'000'000};  // how soon the end of the run is seen
  while (!ended.stop_requested()) {
    const int number = sigtimedwait(&watched_, nullptr, &kLookUp);
    if (number <= 0) continue;
    if (number == SIGTSTP) {
      hold_();
      continue;
    }
    int none = 0;
    signal_.compare_exchange_strong(none, number);
    stop_();
  }
}

}  // namespace nw::cli
