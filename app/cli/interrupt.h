#pragma once

#include <functional>
#include <thread>

#include <csignal>

namespace nw::cli {

/// While it lives, Ctrl+C (SIGINT), SIGTERM and SIGHUP do not end the program but call `stop`, on a
/// thread of its own, and where `hold` is given, Ctrl+Z (SIGTSTP) calls that; signals that the
/// parent ignores (nohup) stay ignored. Make it before other threads start: they inherit that the
/// signals are not theirs.
class Interrupt {
 public:
  explicit Interrupt(std::function<void()> stop, std::function<void()> hold = {});
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// The signal to stop that came first; 0 if none.
  int signal() const { return signal_.load(); }

 private:
  void wait(std::stop_token ended);

  std::function<void()> stop_, hold_;
  sigset_t watched_;
  sigset_t before_;
  std::atomic<int> signal_{0};
  std::jthread thread_;  // last: it uses the others
};

}  // namespace nw::cli
