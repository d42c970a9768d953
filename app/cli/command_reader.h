#pragma once

#include <thread>

#include "core/train/trainer.h"

namespace nw::cli {

/// Obeys the lines on standard input (train::Command) while it lives, on a thread of its own. Where
/// that is a pipe whose other end goes, the run stops: nobody follows it any more.
class CommandReader {
 public:
  explicit CommandReader(train::Trainer& trainer);
  ~CommandReader();
  CommandReader(const CommandReader&) = delete;
  CommandReader& operator=(const CommandReader&) = delete;

 private:
  void run();
  void obey(const std::string& line);

  train::Trainer& trainer_;
  int wake_;  // an eventfd: the thread is to end
  std::thread thread_;
};

}  // namespace nw::cli
