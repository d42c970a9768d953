#include "core/dist/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "core/base/error.h"

namespace nw::dist {
namespace {

/// The two ends of a pipe, closed with it unless taken.
class Pipe {
 public:
  explicit Pipe(bool wanted = true) {
    if (!wanted) return;
    NW_CHECK(pipe2(ends_.data(), O_CLOEXEC) == 0,
             "[launcher] cannot make a pipe: ", std::strerror(errno),
             ". Start fewer processes, or allow more open files (ulimit -n)");
  }
  ~Pipe() {
    for (const int end : ends_) {
      if (end >= 0) close(end);
    }
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reading() const { return ends_[0]; }
  int writing() const { return ends_[1]; }
  void close_writing() { close(std::exchange(ends_[1], -1)); }
  /// Ours from now on; reading it never waits.
  int take_reading() {
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    return std::exchange(ends_[0], -1);
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.data()));
  out.push_back(nullptr);
  return out;
}

/// What the child does between fork and exec: only what is safe there.
struct Birth {
  pid_t parent;
  bool reads_terminal;
  int input;
  int output;
  int errors;
  int failure;  // where the error number goes
  char* const* words;
  char* const* variables;

  [[noreturn]] void run() const {
    // What the terminal sends to its foreground is the parent's affair. A session of its own would
    // do, too, but the system may share out processors by session: then processes that wait for
    // each other do so far longer on a busy machine. It takes one to read from the terminal.
    if (reads_terminal) {
      setsid();
    } else {
      setpgid(0, 0);
    }
    std::signal(SIGTTOU, SIG_IGN);  // writing to it is no offence
    // The death of the parent between fork and this call would go unnoticed.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    // Signals that the parent's threads leave to one of them are the child's own again.
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    std::signal(SIGXFSZ, SIG_DFL);
    if (input >= 0) dup2(input, STDIN_FILENO);
    if (output >= 0) dup2(output, STDOUT_FILENO);
    if (errors >= 0) dup2(errors, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    execve(words[0], words, variables);
    const int code = errno;
    const ssize_t told = write(failure, &code, sizeof(code));
    _exit(told == sizeof(code) ? 1 : 2);
  }
};

/// The error number that a child sends when it cannot run its program; 0 when it runs.
int failure_of(int descriptor) {
  int code = 0;
  ssize_t count = 0;
  do {
    count = read(descriptor, &code, sizeof(code));
  } while (count < 0 && errno == EINTR);
  return count == sizeof(code) ? code : 0;
}

}  // namespace

LineReader::~LineReader() {
  if (descriptor_ >= 0) close(descriptor_);
}

void LineReader::hand_on(const std::function<void(std::string_view)>& on_line) {
  size_t begin = 0;
  for (size_t end = pending_.find('\n'); end != std::string::npos;
       end = pending_.find('\n', begin)) {
    on_line(std::string_view(pending_).substr(begin, end - begin));
    begin = end + 1;
  }
  pending_.erase(0, begin);
}

void LineReader::read(const std::function<void(std::string_view)>& on_line) {
  std::array<char, 1 << 16> bytes;
  while (descriptor_ >= 0) {
    const ssize_t count = ::read(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count <= 0) {
      close(std::exchange(descriptor_, -1));
      if (!pending_.empty()) pending_ += '\n';
    } else {
      pending_.append(bytes.data(), static_cast<size_t>(count));
    }
    hand_on(on_line);
  }
}

ChildProcess::ChildProcess(const Start& start) {
  Pipe output(start.pipes_output);
  Pipe errors(start.pipes_errors);
  Pipe failure;
  const int nothing = start.keeps_input ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);
  const std::vector<char*> words = pointers_to(start.command);
  const std::vector<char*> variables = pointers_to(start.environment);
  const bool reads_terminal = start.keeps_input && isatty(STDIN_FILENO) == 1;
  const Birth birth{getpid(),         reads_terminal,    nothing,      output.writing(),
                    errors.writing(), failure.writing(), words.data(), variables.data()};
  pid_ = fork();
  const int code = errno;
  if (pid_ == 0) birth.run();
  if (nothing >= 0) close(nothing);
  NW_CHECK(pid_ > 0, "[launcher] cannot start a process: ", std::strerror(code),
           ". Start fewer processes");
  failure.close_writing();
  const int refused = failure_of(failure.reading());
  if (refused != 0) {
    waitpid(pid_, nullptr, 0);
    throw Error(
        concat("[launcher] cannot run ", start.command.at(0), ": ", std::strerror(refused)));
  }
  // By number: the header of glibc 2.36 does not declare pidfd_open for C++.
  end_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (start.pipes_output) output_ = std::make_unique<LineReader>(output.take_reading());
  if (start.pipes_errors) errors_ = std::make_unique<LineReader>(errors.take_reading());
}

ChildProcess::~ChildProcess() {
  if (running()) {
    signal(SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (end_ >= 0) close(end_);
}

std::vector<LineReader*> ChildProcess::readers() {
  std::vector<LineReader*> out;
  for (LineReader* reader : {output_.get(), errors_.get()}) {
    if (reader != nullptr && !reader->at_end()) out.push_back(reader);
  }
  return out;
}

void ChildProcess::look() {
  int status = 0;
  while (running() && waitpid(pid_, &status, WNOHANG | WUNTRACED | WCONTINUED) == pid_) {
    if (WIFSTOPPED(status)) {
      stopped_ = std::chrono::steady_clock::now();
      stop_signal_ = WSTOPSIG(status);
    } else if (WIFCONTINUED(status)) {
      stopped_.reset();
    } else {
      status_ = status;
      // What it may have started itself does not outlive it.
      kill(-pid_, SIGKILL);
    }
  }
}

void ChildProcess::signal(int number) {
  if (running()) kill(-pid_, number);
}

}  // namespace nw::dist
