#include <unistd.h>

#include <array>
#include <csignal>

#include "tests/cli/ranks.h"

using namespace nw;
using namespace nw::cli_test;

namespace {

constexpr int kPatienceMs = 60000;

/// What a command of the system says; its exit code is 0 only for an empty one.
QByteArray failure_of(const QStringList& words) {
  QProcess process;
  process.start(words[0], words.mid(1));
  if (!process.waitForStarted()) return words[0].toUtf8() + " is not installed";
  process.waitForFinished();
  if (process.exitCode() == 0) return {};
  return words.join(' ').toUtf8() + ": " + process.readAllStandardError();
}

}  // namespace

/// Two machines: network namespaces of this one, with addresses of their own and a cable between
/// them. Each sees nothing of the other but what the cable brings.
class TestTwoNodes : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;
  QString prefix_ = QString("nw%1").arg(getpid());

  QString node(int number) const { return prefix_ + QString("n%1").arg(number); }
  QString cable(int number) const { return prefix_ + QString("c%1").arg(number); }
  static QString address(int number) { return QString("10.77.3.%1").arg(number + 1); }
  QString path(const QString& name) const { return folder_.filePath(name); }

  /// netwright-cli train on a node, from there.
  std::unique_ptr<Running> start(int number, const QStringList& more, const QString& out) const {
    const QStringList words{"netns",
                            "exec",
                            node(number),
                            program(),
                            "train",
                            example("spirals.netwright"),
                            "--nproc-per-node",
                            "2",
                            "--nnodes",
                            "2",
                            "--node-rank",
                            QString::number(number),
                            "--master-addr",
                            address(0),
                            "--master-port",
                            "29511",
                            "--timeout",
                            "3",
                            "--json",
                            "--out",
                            path(out + QString::number(number))};
    return std::make_unique<Running>(words + more, Variables{{"NETWRIGHT_TEST", token(number)}},
                                     "ip");
  }
  QByteArray token(int number) const { return prefix_.toUtf8() + QByteArray::number(number); }

  pid_t rank_of(int number, int rank) const {
    for (const Member& member : members(token(number))) {
      if (member.rank == rank) return member.pid;
    }
    return 0;
  }
  /// The launcher of a node: the only process there that is no rank.
  pid_t launcher_of(int number) const { return rank_of(number, -1); }
  /// Whether a signal such as SIGSTOP holds a process.
  static bool stands_still(pid_t pid) {
    QFile file(QString("/proc/%1/stat").arg(pid));
    if (!file.open(QIODevice::ReadOnly)) return false;
    const QByteArray text = file.readAll();
    return text.mid(text.lastIndexOf(')') + 2, 1) == "T";
  }
  /// Presses Ctrl+Z on a node, and waits until both nodes' ranks stand still.
  bool hold(int number) const {
    const pid_t launcher = launcher_of(number);
    if (launcher == 0) return false;
    ::kill(launcher, SIGTSTP);
    return QTest::qWaitFor(
        [&] {
          bool all = stands_still(launcher);
          for (int rank = 0; rank < 4; ++rank) all = all && stands_still(rank_of(rank / 2, rank));
          return all;
        },
        kPatienceMs);
  }
  bool all_gone() const {
    return QTest::qWaitFor([&] { return members(token(0)).empty() && members(token(1)).empty(); },
                           2000);
  }

 private slots:
  void initTestCase() {
    QStringList words{"netns", "add", node(0)};
    const QByteArray refused = failure_of(QStringList{"ip"} + words);
    if (!refused.isEmpty()) {
      QSKIP("network namespaces need ip (Debian: iproute2) and the right to make them (root): " +
            refused);
    }
    QCOMPARE(failure_of({"ip", "netns", "add", node(1)}), QByteArray());
    QCOMPARE(failure_of({"ip", "link", "add", cable(0), "netns", node(0), "type", "veth", "peer",
                         "name", cable(1), "netns", node(1)}),
             QByteArray());
    for (const int number : {0, 1}) {
      const QStringList in{"ip", "-n", node(number)};
      for (const QStringList& set :
           {QStringList{"addr", "add", address(number) + "/24", "dev", cable(number)},
            QStringList{"link", "set", cable(number), "up"},
            QStringList{"link", "set", "lo", "up"}}) {
        QCOMPARE(failure_of(in + set), QByteArray());
      }
    }
  }

  void cleanupTestCase() {
    for (const int number : {0, 1}) failure_of({"ip", "netns", "del", node(number)});
  }

  void two_nodes_train_as_one() {
    const Result alone = run_with({}, {"train", example("spirals.netwright"), "--epochs", "5",
                                       "--nproc-per-node", "4", "--out", path("alone"), "--json"});
    VERIFY_CHILD(alone.code == 0, alone);
    const auto second = start(1, {"--epochs", "5"}, "both");
    const auto first = start(0, {"--epochs", "5"}, "both");
    const Result result = first->result(kPatienceMs);
    VERIFY_CHILD(result.code == 0, result);
    const Result other = second->result(kPatienceMs);
    VERIFY_CHILD(other.code == 0, other);
    QCOMPARE(result.json()["ranks"].toArray().size(), 4);
    QCOMPARE(read(path("both0/spirals.pt")), read(path("alone/spirals.pt")));
    QVERIFY(!QFile::exists(path("both1/spirals.pt")));
  }

  void a_fault_on_one_node_is_told_on_the_other() {
    const auto second = start(1, {"--epochs", "100000"}, "fault");
    const auto first = start(0, {"--epochs", "100000"}, "fault");
    QTest::qWait(4000);
    const pid_t victim = rank_of(1, 3);
    QVERIFY(victim != 0);
    QElapsedTimer clock;
    clock.start();
    ::kill(victim, SIGKILL);
    for (const auto& node : {first.get(), second.get()}) {
      const Result result = node->result(kPatienceMs);
      VERIFY_CHILD(result.code == 1, result);
      VERIFY_CHILD(clock.elapsed() < 6000, result);
      VERIFY_CHILD(
          result.err.contains("rank 3 (cpu on ") && result.err.contains(") was killed by SIGKILL"),
          result);
    }
    QVERIFY(all_gone());
  }

  void both_nodes_go_on_after_a_restart() {
    const QStringList more{"--epochs", "30", "--max-restarts", "2"};
    const auto second = start(1, more, "restart");
    const auto first = start(0, more, "restart");
    QVERIFY(QTest::qWaitFor([&] { return QFile::exists(path("restart0/spirals-checkpoint.pt")); },
                            kPatienceMs));
    const pid_t victim = rank_of(1, 2);
    QVERIFY(victim != 0);
    ::kill(victim, SIGKILL);
    const Result result = first->result(kPatienceMs);
    VERIFY_CHILD(result.code == 0, result);
    VERIFY_CHILD(second->result(kPatienceMs).code == 0, result);
    QCOMPARE(result.json()["restarts"].toInt(), 1);
    const Result straight = run_with({}, {"train", example("spirals.netwright"), "--epochs", "30",
                                          "--nproc-per-node", "4", "--out", path("straight")});
    VERIFY_CHILD(straight.code == 0, straight);
    QCOMPARE(read(path("restart0/spirals.pt")), read(path("straight/spirals.pt")));
  }

  void a_node_stopped_by_hand_holds_both() {
    const Result straight = run_with({}, {"train", example("spirals.netwright"), "--epochs", "80",
                                          "--nproc-per-node", "4", "--out", path("unheld")});
    VERIFY_CHILD(straight.code == 0, straight);
    const QString checkpoint = path("held.pt");
    const QStringList more{"--epochs", "80", "--checkpoint", checkpoint};
    const auto second = start(1, more, "held");
    const auto first = start(0, more, "held");
    for (const int number : {1, 0}) {
      QVERIFY(QTest::qWaitFor([&] { return QFile::exists(checkpoint); }, kPatienceMs));
      QVERIFY(hold(number));
      QTest::qWait(6000);  // twice the timeout
      ::kill(launcher_of(number), SIGCONT);
      QVERIFY(QFile::remove(checkpoint));  // until it is there again, all go on
    }
    const std::array results{first->result(2 * kPatienceMs), second->result(2 * kPatienceMs)};
    for (const int number : {0, 1}) {
      const Result& result = results[static_cast<size_t>(number)];
      VERIFY_CHILD(result.code == 0, result);
      VERIFY_CHILD(result.err.count(" was stopped by hand at ") == 2, result);
      VERIFY_CHILD(result.err.count("; this node waits until it goes on") == 1, result);
      VERIFY_CHILD(result.err.count(", and goes on now") == 1, result);
    }
    QCOMPARE(read(path("held0/spirals.pt")), read(path("unheld/spirals.pt")));
    QVERIFY(all_gone());
  }

  void a_node_that_ends_while_it_is_stopped_by_hand_is_told_data() {
    QTest::addColumn<int>("number");
    for (const int number : {0, 1}) QTest::addRow("node %d", number) << number;
  }

  void a_node_that_ends_while_it_is_stopped_by_hand_is_told() {
    QFETCH(int, number);
    const auto second = start(1, {"--epochs", "100000"}, "ends");
    const QString checkpoint = path(QString("ends-%1.pt").arg(number));
    const auto first = start(0, {"--epochs", "100000", "--checkpoint", checkpoint}, "ends");
    QVERIFY(QTest::qWaitFor([&] { return QFile::exists(checkpoint); }, kPatienceMs));
    QVERIFY(hold(number));
    QElapsedTimer clock;
    clock.start();
    ::kill(launcher_of(number), SIGKILL);
    const Result result = (number == 0 ? second : first)->result(kPatienceMs);
    VERIFY_CHILD(result.code == 1, result);
    VERIFY_CHILD(clock.elapsed() < 8000, result);
    VERIFY_CHILD(result.err.contains(number == 0 ? "can no longer be reached"
                                                 : " ended; it had been stopped by hand at "),
                 result);
    QVERIFY(all_gone());
  }

  void a_cut_cable_ends_both() {
    const auto second = start(1, {"--epochs", "100000"}, "cut");
    const auto first = start(0, {"--epochs", "100000"}, "cut");
    QTest::qWait(4000);
    QVERIFY(rank_of(1, 3) != 0);
    QCOMPARE(failure_of({"ip", "-n", node(1), "link", "set", cable(1), "down"}), QByteArray());
    QElapsedTimer clock;
    clock.start();
    for (const auto& node : {first.get(), second.get()}) {
      const Result result = node->result(kPatienceMs);
      VERIFY_CHILD(result.code == 1, result);
      // The timeout, and what it takes to tell and to end.
      VERIFY_CHILD(clock.elapsed() < 3000 + 8000, result);
    }
    QVERIFY(all_gone());
  }
};

QTEST_GUILESS_MAIN(TestTwoNodes)
#include "test_two_nodes.moc"
