#include "app/cli/command_reader.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "app/cli/console.h"
#include "core/base/error.h"
#include "core/train/event_lines.h"

namespace nw::cli {
namespace {

bool comes_from_a_program() {
  struct stat info {};
  return fstat(STDIN_FILENO, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode));
}

}  // namespace

CommandReader::CommandReader(train::Trainer& trainer)
    : trainer_(trainer), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  NW_CHECK(wake_ >= 0, "[command] cannot wait for lines: too many open files");
  thread_ = std::thread([this] { run(); });
}

CommandReader::~CommandReader() {
  eventfd_write(wake_, 1);
  thread_.join();
  close(wake_);
}

void CommandReader::obey(const std::string& line) {
  try {
    switch (train::command_from_line(line)) {
      case train::Command::Pause:
        return trainer_.pause();
      case train::Command::Resume:
        return trainer_.resume();
      case train::Command::Stop:
        return trainer_.stop();
      case train::Command::Step:
        return trainer_.step();
    }
  } catch (const Error& error) {
    note("netwright-cli: " + error.text() + "\n");
  }
}

void CommandReader::run() {
  std::string pending;
  std::array<char, 4096> bytes;
  while (true) {
    std::array<pollfd, 2> entries{{{wake_, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
    if (poll(entries.data(), entries.size(), -1) < 0 && errno == EINTR) continue;
    if (entries[0].revents != 0) return;
    const ssize_t count = read(STDIN_FILENO, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    pending.append(bytes.data(), static_cast<size_t>(count));
    for (size_t end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      obey(pending.substr(0, end));
      pending.erase(0, end + 1);
    }
  }
  if (comes_from_a_program()) trainer_.stop();
}

}  // namespace nw::cli
