#pragma once

#include <QProcess>
#include <QtTest>

#include <memory>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/dist/process_group.h"
#include "core/dist/store.h"

namespace nw::test {

/// Longer on a machine where everything is slow, such as under a sanitizer.
inline int patient(int ms) {
  return ms * std::max(1, qEnvironmentVariableIntValue("NW_TEST_PATIENCE"));
}

inline std::chrono::milliseconds patient(std::chrono::milliseconds time) {
  return std::chrono::milliseconds(patient(static_cast<int>(time.count())));
}

/// A store on a free port of the loopback device.
inline std::shared_ptr<dist::TcpStore> serve_store() {
  return std::make_shared<dist::TcpStore>("127.0.0.1", 0, true, patient(std::chrono::seconds(60)));
}

/// Runs `body` with a Gloo group of its own for each rank, each in a thread. What went wrong, of
/// all ranks; empty: nothing.
template <typename Body>
std::string on_gloo_ranks(int size, const Body& body) {
  const std::shared_ptr<dist::Store> store = serve_store();
  std::vector<std::string> problems(static_cast<size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        dist::GroupOptions options;
        options.rank = rank;
        options.size = size;
        options.store = store;
        options.timeout = patient(std::chrono::seconds(60));
        const std::unique_ptr<dist::ProcessGroup> group = dist::make_process_group("gloo", options);
        body(*group);
        group->barrier()->wait();
      } catch (const std::exception& problem) {
        problems[static_cast<size_t>(rank)] = concat("rank ", rank, ": ", problem.what(), "\n");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::string out;
  for (const std::string& problem : problems) out += problem;
  return out;
}

/// What a call throws as Error; empty: nothing.
template <typename Call>
std::string error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.text();
  }
  return {};
}

/// This very test program started again, once for each rank; see main() of the test. None outlives
/// this object.
class RankProcesses {
 public:
  RankProcesses(const QString& role, int size, const QStringList& arguments = {},
                const QProcessEnvironment& environment = QProcessEnvironment::systemEnvironment()) {
    for (int rank = 0; rank < size; ++rank) {
      auto& process = processes_.emplace_back(std::make_unique<QProcess>());
      QProcessEnvironment own = environment;
      own.insert("RANK", QString::number(rank));
      own.insert("WORLD_SIZE", QString::number(size));
      process->setProcessEnvironment(own);
      process->setProcessChannelMode(QProcess::MergedChannels);
      process->start(QCoreApplication::applicationFilePath(),
                     QStringList{"--role", role} + arguments);
    }
  }
  ~RankProcesses() {
    for (auto& process : processes_) {
      process->kill();
      process->waitForFinished();
    }
  }
  RankProcesses(const RankProcesses&) = delete;
  RankProcesses& operator=(const RankProcesses&) = delete;

  int size() const { return static_cast<int>(processes_.size()); }
  QProcess& operator[](int rank) { return *processes_[static_cast<size_t>(rank)]; }

  /// Waits until each has printed `line`; false when one has not in time.
  bool all_print(const QByteArray& line, int ms = 60'000) {
    QElapsedTimer timer;
    timer.start();
    for (auto& process : processes_) {
      while (!process->peek(1 << 20).contains(line + "\n")) {
        if (timer.elapsed() > patient(ms)) return false;
        if (process->state() == QProcess::NotRunning) return false;
        process->waitForReadyRead(20);
      }
    }
    return true;
  }

  /// What rank `rank` printed until its end; "did not end" where it is still there after `ms`.
  QByteArray output(int rank, int ms = 60'000) {
    QProcess& process = (*this)[rank];
    if (process.state() != QProcess::NotRunning && !process.waitForFinished(patient(ms))) {
      return "did not end: " + process.readAll();
    }
    return process.readAll();
  }

 private:
  std::vector<std::unique_ptr<QProcess>> processes_;
};

}  // namespace nw::test
