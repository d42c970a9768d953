#pragma once

#include <chrono>
#include <string>

#include "app/cli/console.h"
#include "core/train/events.h"

namespace nw::cli {

/// One line of progress that fits into the terminal's columns: what matters less goes first when
/// there is little room.
std::string progress_line(const train::Started& run, const train::StepDone& step,
                          const Terminal& terminal);

/// A line on standard error, redrawn in place at most 10 times a second. Shows nothing where there
/// is no terminal.
class ProgressBar {
 public:
  void show(const train::Started& run, const train::StepDone& step);
  /// Takes the line away, so that other text can be written.
  void clear();

 private:
  std::chrono::steady_clock::time_point last_{};
  bool shown_ = false;
};

}  // namespace nw::cli
