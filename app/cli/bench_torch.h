#pragma once

#include <cstdio>
#include <optional>
#include <string>

namespace nw::cli {

/// PyTorch in a child process that times its steps when asked. Ends the child when it goes.
class TorchSteps {
 public:
  /// Looks for a Python that has torch, and one for `device`: the system's, then the one on the
  /// PATH.
  TorchSteps(int threads, const std::string& device);
  ~TorchSteps();
  TorchSteps(const TorchSteps&) = delete;
  TorchSteps& operator=(const TorchSteps&) = delete;

  bool found() const { return pid_ > 0; }
  /// Of torch, or why there is none.
  const std::string& version() const { return version_; }
  const std::string& why_not() const { return why_not_; }
  struct Timing {
    double step_us;      // mean
    int64_t peak_bytes;  // most memory in use since the net was made, beyond what was in use before
  };
  /// Runs `count` steps of what `code` sets (see resources/bench/torch_steps.py), made at its first
  /// call; nothing when the child is gone.
  std::optional<Timing> time(const std::string& code, int64_t count);
  /// Mean duration of the same step captured as a CUDA graph, microseconds; nothing on the CPU, and
  /// where PyTorch cannot capture it. Call it last: it may leave the child unable to go on.
  std::optional<double> graph_time(const std::string& code, int64_t count);

 private:
  bool start(const std::string& python, const std::string& script, int threads);
  std::optional<std::string> ask(const std::string& request);
  void stop();
  bool read_line(std::string& line);

  std::string device_;
  int pid_ = -1;
  std::FILE* to_child_ = nullptr;
  std::FILE* from_child_ = nullptr;
  std::string version_;
  std::string why_not_;
};

}  // namespace nw::cli
