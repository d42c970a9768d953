#pragma once

#include <QRegularExpression>

#include "core/base/error.h"
#include "core/dist/fault.h"
#include "core/train/event_lines.h"
#include "tests/cli/child.h"

/// netwright-cli in several processes.
namespace nw::cli_test {

using Variables = QMap<QString, QString>;

/// A child that runs while the test goes on, with more variables in its environment, all on the
/// CPU with one thread a process.
class Running {
 public:
  explicit Running(const QStringList& words, const Variables& variables = {},
                   const QString& command = program()) {
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert("NW_NUM_THREADS", "1");
    for (auto it = variables.begin(); it != variables.end(); ++it) {
      environment.insert(it.key(), it.value());
    }
    child_.setProcessEnvironment(environment);
    child_.start(command, words);
    child_.waitForStarted();
  }
  ~Running() {
    child_.kill();
    child_.waitForFinished();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  QProcess& process() { return child_; }
  bool ends_within(int ms) {
    return child_.state() == QProcess::NotRunning || child_.waitForFinished(ms);
  }
  Result result(int ms = kWaitMs) {
    ends_within(ms);
    Result out;
    out.code = child_.exitCode();
    out.crashed = child_.exitStatus() != QProcess::NormalExit;
    out.out = child_.readAllStandardOutput();
    out.err = child_.readAllStandardError();
    return out;
  }
  /// Nothing once it has ended: a process id of 0 would mean all that run with the test.
  void signal(int number) {
    if (child_.processId() > 0) ::kill(static_cast<pid_t>(child_.processId()), number);
  }

 private:
  QProcess child_;
};

inline Result run_with(const Variables& variables, const QStringList& words) {
  return Running(words, variables).result();
}

/// The events that a run printed; empty when a line is none.
inline std::vector<train::RunEvent> events_of(const QByteArray& out) {
  std::vector<train::RunEvent> events;
  for (const QByteArray& line : out.split('\n')) {
    if (line.isEmpty()) continue;
    try {
      events.push_back(train::event_from_line(line.toStdString()));
    } catch (const Error&) {
      return {};
    }
  }
  return events;
}

template <typename T>
std::vector<T> all_of(const std::vector<train::RunEvent>& events) {
  std::vector<T> out;
  for (const train::RunEvent& event : events) {
    if (const T* one = std::get_if<T>(&event)) out.push_back(*one);
  }
  return out;
}

/// A process whose environment has a token.
struct Member {
  pid_t pid = 0;
  int rank = -1;  // -1: the launcher
};

/// All processes that were started with NETWRIGHT_TEST=token, as /proc tells.
inline std::vector<Member> members(const QByteArray& token) {
  std::vector<Member> out;
  for (const QString& name : QDir("/proc").entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
    QFile file("/proc/" + name + "/environ");
    if (name.toInt() <= 0 || !file.open(QIODevice::ReadOnly)) continue;
    const QList<QByteArray> variables = file.readAll().split('\0');
    if (!variables.contains("NETWRIGHT_TEST=" + token)) continue;
    Member member{name.toInt()};
    for (const QByteArray& variable : variables) {
      if (variable.startsWith("RANK=")) member.rank = variable.mid(5).toInt();
    }
    out.push_back(member);
  }
  return out;
}

}  // namespace nw::cli_test
