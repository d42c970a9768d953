#pragma once

#include <string>

/// The keys by which ranks, and the launchers that started them, tell each other how a run goes.
namespace nw::dist::keys {

/// What a launcher's store and its clients greet each other with.
inline constexpr const char* kJob = "netwright-launcher";

/// All keys below stand behind this: each restart begins with none.
inline std::string attempt_prefix(int attempt) {
  return "run/" + std::to_string(attempt) + "/";
}

/// A Fault's record: the first that anyone saw. Whoever sees it ends.
inline constexpr const char* kFault = "fault";
/// Somebody asks for an orderly end.
inline constexpr const char* kStop = "stop";
/// There once the run has come to an end of its own: then the exit codes of its processes are no
/// faults.
inline constexpr const char* kConcluded = "concluded";
/// How many ranks have their process group.
inline constexpr const char* kJoined = "joined";

/// A Fault's record that tells a rank's host and device, without a cause.
inline std::string who(int rank) {
  return "who/" + std::to_string(rank);
}
/// Changes as long as the rank lives.
inline std::string beat(int rank) {
  return "beat/" + std::to_string(rank);
}
/// There once a rank knows of the fault.
inline std::string told(int rank) {
  return "told/" + std::to_string(rank);
}
/// There once a rank has ended in order.
inline std::string done(int rank) {
  return "done/" + std::to_string(rank);
}

}  // namespace nw::dist::keys
