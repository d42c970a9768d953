#include "core/dist/fault.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <climits>
#include <cstring>

#include "core/base/error.h"

namespace nw::dist {

std::string Fault::who() const {
  if (rank < 0) return concat("the launcher on ", host);
  return concat("rank ", rank, " (", device.empty() ? "" : device + " ", "on ", host, ")");
}

std::string Fault::text() const {
  return concat(who(), " ", cause);
}

std::string to_record(const Fault& fault) {
  return concat(fault.rank, "\n", fault.host, "\n", fault.device, "\n", fault.cause);
}

Fault fault_from_record(std::string_view record) {
  Fault fault;
  std::string_view rest = record;
  std::array<std::string_view, 3> lines;
  for (std::string_view& line : lines) {
    const size_t end = rest.find('\n');
    NW_CHECK(end != std::string_view::npos,
             "[fault] expects rank, host, device and cause on lines");
    line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
  }
  const char* end = lines[0].data() + lines[0].size();
  const auto [stop, failure] = std::from_chars(lines[0].data(), end, fault.rank);
  NW_CHECK(failure == std::errc() && stop == end, "[fault] expects a rank on the first line");
  fault.host = lines[1];
  fault.device = lines[2];
  fault.cause = rest;
  return fault;
}

std::string signal_name(int number) {
  const char* name = sigabbrev_np(number);
  return name != nullptr ? concat("SIG", name) : concat("signal ", number);
}

std::string exit_cause(int status) {
  if (WIFEXITED(status)) return concat("ended with exit code ", WEXITSTATUS(status));
  return concat("was killed by ", signal_name(WTERMSIG(status)),
                WCOREDUMP(status) ? " (core dumped)" : "");
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), name.size()) == 0 ? name.data() : "this host";
}

}  // namespace nw::dist
