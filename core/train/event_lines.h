#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/dist/fault.h"
#include "core/train/events.h"

namespace nw::train {

/// Where a rank runs.
struct RankPlace {
  int64_t rank = 0;
  std::string host;
  std::string device;
};

/// All processes of the run have found together.
struct Joined {
  std::string backend;  // "gloo", "nccl"
  std::vector<RankPlace> ranks;
};

/// A process was lost; the others end.
struct RankLost {
  dist::Fault fault;
};

/// All processes start again, from the last checkpoint; `attempt` is 1 at the first time.
struct Restarting {
  int64_t attempt = 1;
};

/// What a run in processes of its own tells.
using RunEvent = std::variant<Started, StepDone, EpochDone, Paused, Resumed, Finished, Joined,
                              RankLost, Restarting>;

/// An event as one line of JSON with its end: {"event":"paused","step":7}. Members are named as
/// those of the structs; numbers keep every digit; NaN and infinity are strings; an optional that
/// is empty is left out.
std::string to_line(const RunEvent& event);
/// Throws Error for a line that is no event, or whose members are not exactly its own.
RunEvent event_from_line(std::string_view line);

/// What such a run can be asked, a word on a line: "pause", "resume", "stop", "step".
enum class Command : uint8_t { Pause, Resume, Stop, Step };
std::string to_line(Command command);
/// Throws Error naming the words for any other line.
Command command_from_line(std::string_view line);

}  // namespace nw::train
