#pragma once

#include <string>
#include <string_view>

namespace nw::dist {

/// Which process of a training was lost, and why. Value type.
struct Fault {
  int rank = 0;  // -1: the launcher on a host, which no longer looks after its ranks
  std::string host;
  std::string device;
  std::string cause;  // "was killed by SIGKILL": the rest of a sentence

  /// "rank 2 (cuda:1 on node7)".
  std::string who() const;
  /// "rank 2 (cuda:1 on node7) was killed by SIGKILL".
  std::string text() const;
};

/// As one string for a Store, and back. Throws Error for any other string.
std::string to_record(const Fault& fault);
Fault fault_from_record(std::string_view record);

/// What a status of waitpid tells: "was killed by SIGSEGV (core dumped)", "ended with exit code 3".
std::string exit_cause(int status);
/// "SIGSTOP".
std::string signal_name(int number);

/// The name of this machine.
std::string host_name();

}  // namespace nw::dist
