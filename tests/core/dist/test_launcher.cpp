#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>
#include <chrono>
#include <map>
#include <thread>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/dist/child_process.h"
#include "core/dist/launcher.h"

using namespace nw;
using namespace nw::dist;
using std::chrono::milliseconds;

namespace {

using Clock = std::chrono::steady_clock;

/// A launcher of shell scripts, with all that it told.
struct Launch {
  explicit Launch(const std::string& script, int processes = 2) {
    options.command = {"/bin/sh", "-c", script};
    options.devices.assign(static_cast<size_t>(processes), "cpu");
    options.captures_first = true;
    options.on_line = [this](int rank, bool is_error, std::string_view line) {
      lines[rank] += concat(is_error ? "! " : "", line, ";");
    };
    options.on_fault = [this](const Fault& fault) { faults.push_back(fault); };
    options.on_restart = [this](int attempt) { restarts.push_back(attempt); };
  }
  LaunchResult run() {
    Launcher launcher(options);
    return launcher.run();
  }

  LaunchOptions options;
  std::map<int, std::string> lines;
  std::vector<Fault> faults;
  std::vector<int> restarts;
};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Whether some process has `token` in its environment.
bool runs(const std::string& token) {
  QTest::qWait(100);
  for (const QString& name : QDir("/proc").entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
    QFile file("/proc/" + name + "/environ");
    if (name.toInt() > 0 && file.open(QIODevice::ReadOnly) &&
        file.readAll().contains(QByteArray::fromStdString(token))) {
      return true;
    }
  }
  return false;
}

}  // namespace

class TestLauncher : public QObject {
  Q_OBJECT

 private slots:
  void every_rank_knows_its_place() {
    Launch launch(
        "echo $RANK of $WORLD_SIZE, $LOCAL_RANK of $LOCAL_WORLD_SIZE, $NETWRIGHT_RESTART, $EXTRA;"
        "test -n \"$MASTER_ADDR\" && test \"$MASTER_PORT\" -gt 0 || exit 3",
        3);
    launch.options.variables = {{"EXTRA", "more"}};
    const LaunchResult result = launch.run();
    QCOMPARE(result.exit_code, 0);
    QVERIFY(!result.fault);
    for (int rank = 0; rank < 3; ++rank) {
      QCOMPARE(launch.lines[rank], concat(rank, " of 3, ", rank, " of 3, 0, more;"));
    }
  }

  void both_streams_are_told_apart_and_the_last_line_needs_no_end() {
    Launch launch("echo out; echo err >&2; printf rest");
    launch.run();
    const std::string said = launch.lines[1];
    QVERIFY2(said == "out;rest;! err;" || said == "out;! err;rest;" || said == "! err;out;rest;",
             said.c_str());
    QCOMPARE(launch.lines[0], std::string("out;rest;"));  // its errors go where ours go
  }

  void an_exit_code_is_a_fault_and_ends_the_others() {
    const auto began = Clock::now();
    Launch launch("if [ $RANK = 1 ]; then exit 7; fi; exec sleep 100", 3);
    const LaunchResult result = launch.run();
    QCOMPARE(result.exit_code, 1);
    QCOMPARE(result.fault->rank, 1);
    QCOMPARE(result.fault->cause, std::string("ended with exit code 7"));
    QCOMPARE(result.fault->host, host_name());
    QCOMPARE(launch.faults.size(), size_t{1});
    QVERIFY(seconds_since(began) < 7);
  }

  void who_ignores_sigterm_is_killed() {
    Launch launch(
        "if [ $RANK = 1 ]; then kill -SEGV $$; fi; trap '' TERM; while :; do sleep 1; done");
    const LaunchResult result = launch.run();
    QVERIFY2(result.fault->cause.starts_with("was killed by SIGSEGV"), result.fault->cause.c_str());
  }

  void a_stopped_rank_is_named_within_the_timeout() {
    const auto began = Clock::now();
    Launch launch("if [ $RANK = 1 ]; then kill -STOP $$; fi; exec sleep 100");
    launch.options.silence = milliseconds(1000);
    const LaunchResult result = launch.run();
    QCOMPARE(result.fault->rank, 1);
    QVERIFY2(result.fault->cause.starts_with("has been held by SIGSTOP for 1"),
             result.fault->cause.c_str());
    QVERIFY(seconds_since(began) < 8);
  }

  void a_stop_that_is_taken_back_in_time_is_none() {
    Launch launch(
        "if [ $RANK = 1 ]; then (sleep 0.4; kill -CONT $$) & kill -STOP $$; fi; sleep 1.5");
    launch.options.silence = milliseconds(1000);
    QCOMPARE(launch.run().exit_code, 0);
  }

  void all_start_again_as_often_as_allowed() {
    QTemporaryDir folder;
    const std::string count = folder.filePath("count").toStdString();
    const std::string script = concat(
        "if [ $RANK = 1 ] && [ $NETWRIGHT_RESTART -lt 2 ]; then kill -9 $$; fi;"
        "if [ $NETWRIGHT_RESTART -lt 2 ]; then exec sleep 100; fi; echo $RANK >> ",
        count);
    Launch enough(script);
    enough.options.max_restarts = 2;
    const LaunchResult good = enough.run();
    QCOMPARE(good.exit_code, 0);
    QCOMPARE(good.restarts, 2);
    QCOMPARE(enough.restarts, (std::vector<int>{1, 2}));
    QCOMPARE(enough.faults.size(), size_t{2});
    QCOMPARE(read_file(count).size(), size_t{4});

    Launch few(script);
    few.options.max_restarts = 1;
    const LaunchResult bad = few.run();
    QCOMPARE(bad.exit_code, 1);
    QCOMPARE(bad.restarts, 1);
    QCOMPARE(bad.fault->text(), concat("rank 1 (cpu on ", host_name(), ") was killed by SIGKILL"));
  }

  void a_program_that_is_not_there() {
    Launch launch("");
    launch.options.command = {"/nowhere/program"};
    QVERIFY_THROWS_EXCEPTION(Error, launch.run());
  }

  void stop_ends_ranks_that_have_not_met() {
    const auto began = Clock::now();
    Launch launch("exec sleep 100");
    launch.options.max_restarts = 5;
    Launcher launcher(launch.options);
    std::thread stopper([&] {
      std::this_thread::sleep_for(milliseconds(500));
      launcher.stop();
    });
    const LaunchResult result = launcher.run();
    stopper.join();
    QCOMPARE(result.exit_code, 1);
    QCOMPARE(result.restarts, 0);
    QVERIFY(seconds_since(began) < 5);
  }

  void what_a_rank_started_ends_with_it() {
    const std::string token = concat("NW_TOKEN_", getpid(), "_grand");
    Launch launch("sleep 100 & exit 0");
    launch.options.variables = {{token, "1"}};
    launch.run();
    QVERIFY(!runs(token));
  }

  void ranks_die_with_the_launchers_thread() {
    const std::string token = concat("NW_TOKEN_", getpid(), "_child");
    std::unique_ptr<ChildProcess> child;
    std::thread starter([&] {
      ChildProcess::Start start;
      start.command = {"/bin/sleep", "100"};
      start.environment = {token + "=1"};
      child = std::make_unique<ChildProcess>(start);
      QVERIFY(runs(token));
    });
    starter.join();
    QTRY_VERIFY(!runs(token));
    child->look();
    QCOMPARE(exit_cause(*child->status()), std::string("was killed by SIGKILL"));
  }

  void two_nodes_share_one_run() {
    Launch first("echo $RANK/$WORLD_SIZE");
    Launch second("echo $RANK/$WORLD_SIZE");
    as_nodes({&first, &second});
    const auto [one, other] = run_both(first, second);
    QCOMPARE(one.exit_code, 0);
    QCOMPARE(other.exit_code, 0);
    QCOMPARE(first.lines[0] + first.lines[1], std::string("0/4;1/4;"));
    QCOMPARE(second.lines[2] + second.lines[3], std::string("2/4;3/4;"));
  }

  void a_fault_on_one_node_restarts_both() {
    const std::string script =
        "if [ $NETWRIGHT_RESTART = 1 ]; then exit 0; fi;"
        "if [ $RANK = 3 ]; then kill -9 $$; fi; exec sleep 100";
    Launch first(script);
    Launch second(script);
    as_nodes({&first, &second});
    first.options.max_restarts = second.options.max_restarts = 1;
    const auto [one, other] = run_both(first, second);
    QCOMPARE(one.exit_code, 0);
    QCOMPARE(other.exit_code, 0);
    QCOMPARE(one.restarts, 1);
    QCOMPARE(other.restarts, 1);
    QCOMPARE(first.faults.at(0).rank, 3);
    QCOMPARE(second.faults.at(0).rank, 3);
  }

  void nodes_that_disagree_are_told() {
    Launch first("exit 0");
    Launch second("exit 0", 3);
    as_nodes({&first, &second});
    first.options.join = milliseconds(1500);
    std::string said;
    std::thread other([&] { said = failure_of(second); });
    failure_of(first);
    other.join();
    QVERIFY2(said.find("give all the same --nnodes and --nproc-per-node") != std::string::npos,
             said.c_str());
  }

  void a_node_that_does_not_come_is_named() {
    Launch first("exit 0");
    as_nodes({&first, &first});
    first.options.node_rank = 0;
    first.options.join = milliseconds(700);
    const std::string said = failure_of(first);
    QVERIFY2(said.find("node 1 of 2 has not come") != std::string::npos, said.c_str());
  }

 private:
  static void as_nodes(const std::vector<Launch*>& launches) {
    static int port = 21000 + getpid() % 5000;
    ++port;
    for (size_t node = 0; node < launches.size(); ++node) {
      launches[node]->options.nodes = static_cast<int>(launches.size());
      launches[node]->options.node_rank = static_cast<int>(node);
      launches[node]->options.master_port = port;
      launches[node]->options.join = std::chrono::seconds(20);
    }
  }
  static std::pair<LaunchResult, LaunchResult> run_both(Launch& first, Launch& second) {
    LaunchResult other;
    std::thread thread([&] { other = second.run(); });
    const LaunchResult one = first.run();
    thread.join();
    return {one, other};
  }
  static std::string failure_of(Launch& launch) {
    try {
      launch.run();
    } catch (const Error& error) {
      return error.text();
    }
    return {};
  }
};

QTEST_GUILESS_MAIN(TestLauncher)
#include "test_launcher.moc"
