#pragma once

#include <string>

#include "app/cli/rank_options.h"

namespace nw::cli {

/// How the result of a run in several processes is shown, and from where it goes on after a fault.
struct TrainLaunch {
  std::string devices;     // the run's setting
  std::string checkpoint;  // the file that rank 0 keeps; empty: none
  bool json = false;
  bool events = false;
};

/// Starts this command in several processes and shows what rank 0 tells, until all have ended.
/// Throws CLI::RuntimeError with the exit code of a run that did not complete.
void launch_training(const RankOptions& ranks, const TrainLaunch& launch);

/// The checkpoint that a rank which was started anew goes on from: `checkpoint`, if it is of this
/// run; else empty.
std::string checkpoint_of_restart(const std::string& checkpoint, int restart);

}  // namespace nw::cli
