#include <QCoreApplication>
#include <QTemporaryDir>
#include <QtTest>

#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include <cstdio>
#include <filesystem>

#include "core/backend/creation.h"
#include "core/dist/init.h"
#include "core/dist/pipe_signal.h"
#include "tests/core/dist/ranks.h"

using namespace nw;
using namespace nw::dist;
using namespace nw::test;
using namespace std::chrono_literals;

/// What happens to the ranks that stay when one is killed, stopped, leaves or gives up. Here every
/// rank is a process: this program again, see play_rank().
class TestGroupFaults : public QObject {
  Q_OBJECT

 private slots:
  void namesAKilledRank_data();
  void namesAKilledRank();
  void namesAKilledRankWhenIdle();
  void endsAtTheTimeout_data();
  void endsAtTheTimeout();
  void tellsWhyARankGaveUp();
  void tellsWhoLeft();
  void tellsOfARankThatJustEnds();
  void keepsTheReasonOfAbort();
  void leavesNoThreads();
  void survivesAClosedPipe();
};

namespace {

QStringList arguments_for(const QTemporaryDir& folder, std::chrono::milliseconds timeout) {
  return {"file://" + folder.filePath("meet"), QString::number(timeout.count())};
}

/// All but `lost` must say `what` in time, and end by themselves.
void check_others(RankProcesses& ranks, int lost, const QByteArray& what, int ms) {
  QElapsedTimer timer;
  timer.start();
  for (int rank = 0; rank < ranks.size(); ++rank) {
    if (rank == lost) continue;
    const QByteArray output = ranks.output(rank, ms);
    QVERIFY2(output.contains(what), output);
    QVERIFY2(timer.elapsed() < patient(ms), output);
    QCOMPARE(ranks[rank].exitCode(), 3);
  }
}

}  // namespace

void TestGroupFaults::namesAKilledRank_data() {
  QTest::addColumn<int>("size");
  QTest::addColumn<int>("lost");
  QTest::addColumn<QString>("role");
  for (const char* role : {"large sums", "small sums", "broadcasts", "barriers", "receives"}) {
    QTest::addRow("2 ranks, 0, %s", role) << 2 << 0 << role;
    QTest::addRow("4 ranks, 2, %s", role) << 4 << 2 << role;
  }
  QTest::newRow("8 ranks, 0") << 8 << 0 << "small sums";
  QTest::newRow("8 ranks, 5") << 8 << 5 << "large sums";
}

void TestGroupFaults::namesAKilledRank() {
  QFETCH(int, size);
  QFETCH(int, lost);
  QFETCH(QString, role);
  const QTemporaryDir folder;
  RankProcesses ranks(role, size, arguments_for(folder, 10min));
  QVERIFY(ranks.all_print("ready"));
  kill(static_cast<pid_t>(ranks[lost].processId()), SIGKILL);
  check_others(ranks, lost, QByteArray("rank ") + QByteArray::number(lost) + " went away", 5000);
}

void TestGroupFaults::namesAKilledRankWhenIdle() {
  // Between two operations: the next one fails at once.
  const QTemporaryDir folder;
  RankProcesses ranks("on command", 3, arguments_for(folder, 10min));
  QVERIFY(ranks.all_print("ready"));
  kill(static_cast<pid_t>(ranks[1].processId()), SIGKILL);
  QVERIFY(ranks[1].waitForFinished(patient(10'000)));
  for (const int rank : {0, 2}) ranks[rank].write("go\n");
  check_others(ranks, 1, "rank 1 went away", 5000);
}

void TestGroupFaults::endsAtTheTimeout_data() {
  QTest::addColumn<int>("size");
  QTest::addColumn<QString>("role");
  for (const char* role : {"small sums", "large sums", "barriers", "broadcasts", "receives"}) {
    QTest::addRow("2 ranks, %s", role) << 2 << role;
  }
  QTest::newRow("4 ranks") << 4 << "small sums";
}

void TestGroupFaults::endsAtTheTimeout() {
  QFETCH(int, size);
  QFETCH(QString, role);
  const QTemporaryDir folder;
  const std::chrono::milliseconds timeout = patient(1500ms);
  RankProcesses ranks(role, size, arguments_for(folder, timeout));
  QVERIFY(ranks.all_print("ready"));
  QElapsedTimer timer;
  timer.start();
  kill(static_cast<pid_t>(ranks[1].processId()), SIGSTOP);
  for (int rank = 0; rank < size; ++rank) {
    if (rank == 1) continue;
    const QByteArray output = ranks.output(rank, 20'000);
    QVERIFY2(output.contains("(the timeout)") && output.contains("waited"), output);
    QVERIFY(timer.elapsed() > timeout.count() / 2);
  }
  kill(static_cast<pid_t>(ranks[1].processId()), SIGKILL);
}

void TestGroupFaults::tellsWhyARankGaveUp() {
  const QTemporaryDir folder;
  RankProcesses ranks("one aborts", 4, arguments_for(folder, 10min));
  for (int rank = 0; rank < 4; ++rank) {
    const QByteArray output = ranks.output(rank);
    QVERIFY2(output.contains("rank 3 (cuda:1 on node7) was killed by SIGKILL"), output);
  }
}

void TestGroupFaults::tellsWhoLeft() {
  const QTemporaryDir folder;
  RankProcesses ranks("one leaves", 3, arguments_for(folder, 10min));
  for (const int rank : {0, 1}) {
    const QByteArray output = ranks.output(rank);
    QVERIFY2(output.contains("rank 2 has left the group"), output);
  }
  QCOMPARE(ranks.output(2), "left\n");
}

void TestGroupFaults::tellsOfARankThatJustEnds() {
  const QTemporaryDir folder;
  RankProcesses ranks("one ends", 3, arguments_for(folder, 10min));
  check_others(ranks, 2, "rank 2 went away", 60'000);
}

void TestGroupFaults::keepsTheReasonOfAbort() {
  const std::string problem = on_gloo_ranks(2, [](ProcessGroup& group) {
    if (group.rank() == 0) {
      const WorkHandle pending = group.all_reduce(full({5}, 1.0));
      const WorkHandle queued = group.barrier();
      const WorkHandle receiving = group.recv(full({5}, 1.0), 1);
      NW_CHECK(!pending->is_completed(), "too early");
      group.abort("the first reason");
      group.abort("another");
      for (const WorkHandle& work : {pending, queued, receiving, group.all_reduce(full({5}, 1.0)),
                                     group.send(full({1}, 1.0), 1)}) {
        const std::string text = error_of([&] { work->wait(); });
        NW_CHECK(text.find("the first reason") != text.npos, text);
        NW_CHECK(work->is_completed(), "still under way");
      }
    } else {
      const std::string text = error_of([&] { group.recv(full({5}, 1.0), 0, 7)->wait(); });
      NW_CHECK(text.find("the first reason") != text.npos, text);
    }
    throw Error("as wanted");
  });
  QCOMPARE(problem, "rank 0: as wanted\nrank 1: as wanted\n");
}

namespace {

ptrdiff_t threads_here() {
  const std::filesystem::directory_iterator all("/proc/self/task");
  return std::distance(begin(all), end(all));
}

ptrdiff_t descriptors_here() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

}  // namespace

void TestGroupFaults::leavesNoThreads() {
  const auto use = [] {
    return on_gloo_ranks(3, [](ProcessGroup& group) {
      group.all_reduce(full({100}, 1.0))->wait();
      const int next = (group.rank() + 1) % 3, last = (group.rank() + 2) % 3;
      const WorkHandle sent = group.send(full({9}, 1.0), next);
      group.recv(full({9}, 1.0), last)->wait();
      sent->wait();
      // Left pending: the group's end is the end of these too.
      if (group.rank() == 0) group.recv(full({9}, 1.0), last, 5);
    });
  };
  QCOMPARE(use(), std::string());
  const ptrdiff_t threads = threads_here(), descriptors = descriptors_here();
  for (int i = 0; i < 5; ++i) QCOMPARE(use(), std::string());
  QCOMPARE(threads_here(), threads);
  QCOMPARE(descriptors_here(), descriptors);
}

void TestGroupFaults::survivesAClosedPipe() {
  const auto before = ::signal(SIGPIPE, SIG_DFL);
  int ends[2];
  QVERIFY(pipe(ends) == 0);
  ::close(ends[0]);
  for (int times = 0; times < 2; ++times) {
    const NoPipeSignal outer;
    {
      const NoPipeSignal inner;
      QVERIFY(write(ends[1], "x", 1) < 0 && errno == EPIPE);
    }
    ssize_t written = 0;
    std::thread([&] { written = write(ends[1], "x", 1); }).join();
    QVERIFY(written < 0);
  }
  // The signal comes again where nobody asked to be spared.
  sigset_t blocked;
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  QCOMPARE(sigismember(&blocked, SIGPIPE), 0);
  ::signal(SIGPIPE, before);
  ::close(ends[1]);
}

namespace {

void say(const char* what) {
  puts(what);
  fflush(stdout);
}

/// Does the same again and again until it fails.
void repeat(const std::string& role, ProcessGroup& group) {
  const Tensor large = full({3'000'000}, 0.0), small = full({4}, 0.0);
  for (int64_t i = 0;; ++i) {
    if (role == "large sums") group.all_reduce(large)->wait();
    if (role == "small sums") group.all_reduce(small)->wait();
    if (role == "broadcasts") group.broadcast(small, static_cast<int>(i % group.size()))->wait();
    if (role == "barriers") group.barrier()->wait();
    if (role == "receives") {
      const WorkHandle sent = group.send(small, (group.rank() + 1) % group.size());
      group.recv(full({4}, 0.0), (group.rank() + group.size() - 1) % group.size())->wait();
      sent->wait();
    }
    if (i == 2) say("ready");
  }
}

void play_role(const std::string& role, ProcessGroup& group) {
  const Tensor x = full({4}, 1.0);
  group.all_reduce(x)->wait();
  if (role == "on command") {
    say("ready");
    char line[16];
    if (fgets(line, sizeof(line), stdin) != nullptr) group.all_reduce(x)->wait();
  } else if (role == "one aborts") {
    std::thread soon;
    if (group.rank() == 1) {
      soon = std::thread([&] {
        std::this_thread::sleep_for(100ms);
        group.abort("rank 3 (cuda:1 on node7) was killed by SIGKILL");
      });
    }
    const std::string text = error_of([&] {
      // Rank 1 does not come: the others wait until it gives up.
      if (group.rank() != 1) group.all_reduce(x)->wait();
      if (group.rank() == 1) group.recv(x, 2)->wait();
    });
    if (soon.joinable()) soon.join();
    throw Error(text);
  } else if (role == "one leaves" && group.rank() == 2) {
    group.barrier()->wait();
    destroy_process_group();
    say("left");
  } else if (role == "one leaves") {
    group.barrier()->wait();
    group.all_reduce(x)->wait();
  } else if (role == "one ends") {
    if (group.rank() == 2) _exit(0);
    group.all_reduce(x)->wait();
  } else {
    repeat(role, group);
  }
}

int play_rank(const QStringList& arguments) {
  InitOptions options;
  options.rank = qEnvironmentVariableIntValue("RANK");
  options.world_size = qEnvironmentVariableIntValue("WORLD_SIZE");
  options.init_method = arguments.at(1).toStdString();
  options.timeout = std::chrono::milliseconds(arguments.at(2).toLongLong());
  try {
    ProcessGroup* group = init_process_group(options).get();  // held by the default group alone
    play_role(arguments.at(0).toStdString(), *group);
  } catch (const Error& error) {
    say(error.what());
    destroy_process_group();
    return 3;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const QCoreApplication application(argc, argv);
  const QStringList arguments = QCoreApplication::arguments();
  if (arguments.value(1) == "--role") return play_rank(arguments.mid(2));
  TestGroupFaults test;
  return QTest::qExec(&test, argc, argv);
}

#include "test_group_faults.moc"
