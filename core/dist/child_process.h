#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nw::dist {

/// Bytes of a pipe as they come, cut into lines.
class LineReader {
 public:
  explicit LineReader(int descriptor) : descriptor_(descriptor) {}
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  int descriptor() const { return descriptor_; }
  /// Hands on what is there, without waiting; the rest without a line end, too, once the other side
  /// closed. Each line without its line end.
  void read(const std::function<void(std::string_view)>& on_line);
  bool at_end() const { return descriptor_ < 0; }

 private:
  void hand_on(const std::function<void(std::string_view)>& on_line);

  int descriptor_;
  std::string pending_;
};

/// A process that we started, in a process group of its own, which the system ends with the thread
/// that started it, whatever happens to that. Belongs to one thread. Its end kills and reaps it.
class ChildProcess {
 public:
  struct Start {
    std::vector<std::string> command;  // the program's path, and its arguments
    std::vector<std::string> environment;
    bool keeps_input = false;   // else it reads from /dev/null
    bool pipes_output = false;  // else it writes where we do
    bool pipes_errors = false;
  };

  /// Throws Error with the system's reason where it cannot be started.
  explicit ChildProcess(const Start& start);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// Becomes readable when the process ends.
  int end_descriptor() const { return end_; }
  /// Of its output and its errors, where they are piped.
  std::vector<LineReader*> readers();
  LineReader* output() const { return output_.get(); }

  /// Looks at what became of it, without waiting.
  void look();
  bool running() const { return !status_; }
  /// As waitpid gives it; nothing while it runs.
  std::optional<int> status() const { return status_; }
  /// Since when a signal such as SIGSTOP has held it.
  std::optional<std::chrono::steady_clock::time_point> stopped_since() const { return stopped_; }
  int stop_signal() const { return stop_signal_; }

  /// Sends a signal to it and all that it started.
  void signal(int number);

 private:
  pid_t pid_ = -1;
  int end_ = -1;
  std::unique_ptr<LineReader> output_;
  std::unique_ptr<LineReader> errors_;
  std::optional<int> status_;
  std::optional<std::chrono::steady_clock::time_point> stopped_;
  int stop_signal_ = 0;
};

}  // namespace nw::dist
