#pragma once

#include <QProcess>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor/tensor.h"

namespace nw::test {

/// PyTorch in a Python process of its own, asked over a pipe. Starting takes seconds: make one for
/// a test program. Not thread-safe.
class Oracle {
 public:
  using Inputs = std::vector<std::pair<std::string, Tensor>>;

  struct Reply {
    std::string error;     // "ValueError: …" as Python raised it; empty: none
    bool crashed = false;  // Python died of it, also when asked a second time
    std::map<std::string, Tensor> tensors;
    std::map<std::string, std::string> texts;  // outputs that are no tensors, as str() writes them

    bool ok() const { return error.empty(); }
    /// Throws Error when the code gave no such tensor.
    const Tensor& operator[](const std::string& name) const;
  };

  Oracle();
  ~Oracle();
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  /// Why PyTorch cannot be asked, with the remedy; empty: it can.
  const std::string& problem() const { return problem_; }

  /// Runs Python code with torch, nn, optim, F, np, run_block and the inputs (in memory as they are
  /// here) in scope, and fetches the named variables; without names, all of the dictionary
  /// `result`. Throws Error when Python does not answer.
  Reply run(const std::string& code, const Inputs& inputs, const std::vector<std::string>& outputs);

 private:
  void start();
  Reply receive();

  QProcess process_;
  std::string problem_;
};

}  // namespace nw::test
