#include <QRandomGenerator>
#include <algorithm>
#include <csignal>

#include "core/train/checkpoint.h"
#include "tests/cli/ranks.h"

using namespace nw;
using namespace nw::cli_test;

namespace {

constexpr int kRanks = 3;
constexpr int kTimeoutSeconds = 2;
/// What a fault may take from the signal to the end of all: to be seen, told, and the grace for
/// those that do not end; on a machine that does other things, too.
constexpr int kMostMs = 5000;
constexpr int kPatienceMs = 20000;
constexpr int kMostDelayMs = 1800;

int from_environment(const char* name, int otherwise) {
  const QByteArray value = qgetenv(name);
  return value.isEmpty() ? otherwise : value.toInt();
}

}  // namespace

/// Ranks that are killed or held by a signal, at any time. A short round by default; NW_FAULT_KILLS
/// and NW_FAULT_STOPS give other numbers (50 and 20 are the full one), NW_TEST_SEED the times.
class TestFaults : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;
  QRandomGenerator random_;
  QString project_;
  int number_ = 0;
  int patience_ = 1;

  QString path(const QString& name) const { return folder_.filePath(name); }

  QByteArray next_token() {
    return QByteArray::number(QCoreApplication::applicationPid()) + "-" +
           QByteArray::number(++number_);
  }
  QStringList train(const QStringList& more) const {
    return QStringList{"train", project_, "--timeout", QString::number(kTimeoutSeconds), "--json"} +
           more;
  }
  /// The process of a rank, once it is there.
  static pid_t find(const QByteArray& token, int rank) {
    pid_t pid = 0;
    const auto look = [&] {
      for (const Member& member : members(token)) {
        if (member.rank == rank) pid = member.pid;
      }
      return pid != 0;
    };
    if (!QTest::qWaitFor(look, kPatienceMs)) qWarning("rank %d never came", rank);
    return pid;
  }
  /// Waits until a run has saved an epoch.
  bool learns(const QString& checkpoint) const {
    return QTest::qWaitFor([&] { return QFile::exists(checkpoint); }, kPatienceMs * patience_);
  }
  bool all_gone(const QByteArray& token) const {
    return QTest::qWaitFor([&] { return members(token).empty(); }, 500 * patience_);
  }
  void rows(const char* variable, int otherwise) {
    QTest::addColumn<int>("rank");
    QTest::addColumn<int>("delay");
    const int count = from_environment(variable, otherwise);
    for (int i = 0; i < count; ++i) {
      const int rank = random_.bounded(kRanks);
      // At the start, while it trains, while it saves: each part of that time has its turn.
      const int delay = (i * kMostDelayMs + random_.bounded(kMostDelayMs)) / count;
      QTest::addRow("%d: rank %d after %d ms", i, rank, delay) << rank << delay;
    }
  }

  /// Sends `signal` to a rank of an endless run that saves after each epoch, and checks what all
  /// tell of it.
  void strike(int rank, int delay, int signal, const QByteArray& cause) {
    const QByteArray token = next_token();
    Running running(train({"--epochs", "100000", "--nproc-per-node", QString::number(kRanks),
                           "--checkpoint", path("checkpoint.pt"), "--out", path("out")}),
                    {{"NETWRIGHT_TEST", token}});
    const pid_t victim = find(token, rank);
    QVERIFY(victim != 0);
    QTest::qWait(delay);
    QElapsedTimer clock;
    clock.start();
    QCOMPARE(::kill(victim, signal), 0);
    const int held = signal == SIGSTOP ? kTimeoutSeconds * 1000 : 0;
    QVERIFY2(running.ends_within((kMostMs + held) * patience_ + 1000), "it goes on");
    const auto took = clock.elapsed();
    const Result result = running.result();
    VERIFY_CHILD(result.code == 1, result);
    VERIFY_CHILD(took < (kMostMs + held) * patience_, result);
    VERIFY_CHILD(all_gone(token), result);

    const QByteArray host = QByteArray::fromStdString(dist::host_name());
    const QByteArray text = "rank " + QByteArray::number(rank) + " (cpu on " + host + ") " + cause;
    const QJsonObject json = result.json();
    VERIFY_CHILD(json["error"].toString().contains(text), result);
    const QJsonObject fault = json["fault"].toObject();
    QCOMPARE(fault["rank"].toInt(-1), rank);
    QCOMPARE(fault["device"].toString(), "cpu");
    QCOMPARE(fault["host"].toString().toUtf8(), host);
    VERIFY_CHILD(fault["cause"].toString().toUtf8().startsWith(cause), result);
    // Each rank that had joined tells it itself, and so does the launcher.
    VERIFY_CHILD(result.err.contains("netwright-cli: " + text), result);
    qInfo("%lld ms", static_cast<long long>(took));
  }

 private slots:
  void initTestCase() {
    const int seed = from_environment("NW_TEST_SEED", 0);
    random_.seed(seed != 0 ? static_cast<quint32>(seed) : QRandomGenerator::global()->generate());
    patience_ = from_environment("NW_TEST_PATIENCE", 1);
    project_ = example("spirals.netwright");
  }

  void killed_ranks_data() { rows("NW_FAULT_KILLS", 3); }
  void killed_ranks() {
    QFETCH(int, rank);
    QFETCH(int, delay);
    strike(rank, delay, SIGKILL, "was killed by SIGKILL");
  }

  void held_ranks_data() { rows("NW_FAULT_STOPS", 1); }
  void held_ranks() {
    QFETCH(int, rank);
    QFETCH(int, delay);
    strike(rank, delay, SIGSTOP, "has ");  // been held by SIGSTOP, or given no sign of life
  }

  void all_others_tell_of_a_killed_rank() {
    const QByteArray token = next_token();
    Running running(train({"--epochs", "100000", "--nproc-per-node", "3", "--out", path("told"),
                           "--checkpoint", path("told.pt")}),
                    {{"NETWRIGHT_TEST", token}});
    const pid_t victim = find(token, 1);
    QVERIFY(learns(path("told.pt")));
    ::kill(victim, SIGKILL);
    const Result result = running.result(kPatienceMs);
    const QByteArray host = QByteArray::fromStdString(dist::host_name());
    const QByteArray text = "rank 1 (cpu on " + host + ") was killed by SIGKILL";
    for (const char* rank : {"0", "2"}) {
      const QByteArray line =
          "netwright-cli: rank " + QByteArray(rank) + " (cpu on " + host + "): " + text;
      VERIFY_CHILD(result.err.contains(line), result);
    }
  }

  void nobody_outlives_the_launcher() {
    const QByteArray token = next_token();
    Running running(train({"--epochs", "100000", "--nproc-per-node", "3", "--out", path("orphan")}),
                    {{"NETWRIGHT_TEST", token}});
    const pid_t held = find(token, 2);
    QTest::qWait(500);
    ::kill(held, SIGSTOP);  // also who cannot react
    running.signal(SIGKILL);
    QVERIFY(running.ends_within(kPatienceMs));
    QVERIFY(all_gone(token));
  }

  void without_our_launcher_the_ranks_find_out_themselves_data() {
    QTest::addColumn<int>("rank");
    for (const int rank : {0, 2}) QTest::addRow("rank %d", rank) << rank;
  }

  void without_our_launcher_the_ranks_find_out_themselves() {
    QFETCH(int, rank);
    const QString checkpoint = path(QString("alone-%1.pt").arg(rank));
    std::vector<std::unique_ptr<Running>> ranks;
    for (int i = 0; i < kRanks; ++i) {
      ranks.push_back(std::make_unique<Running>(
          train({"--epochs", "100000", "--out", path("alone"), "--checkpoint", checkpoint}),
          Variables{{"RANK", QString::number(i)},
                    {"WORLD_SIZE", QString::number(kRanks)},
                    {"MASTER_ADDR", "127.0.0.1"},
                    {"MASTER_PORT", QString::number(23460 + rank)}}));
    }
    QVERIFY(learns(checkpoint));
    ranks[static_cast<size_t>(rank)]->signal(SIGKILL);
    QElapsedTimer clock;
    clock.start();
    for (int i = 0; i < kRanks; ++i) {
      if (i == rank) continue;
      const Result result = ranks[static_cast<size_t>(i)]->result(kPatienceMs);
      VERIFY_CHILD(clock.elapsed() < kMostMs * patience_, result);
      VERIFY_CHILD(result.code == 1, result);
      VERIFY_CHILD(result.err.contains(": rank " + QByteArray::number(rank) + " ("), result);
    }
  }

  /// One of three ranks never comes; another one dies while it waits for it.
  void a_rank_that_dies_while_all_join_is_told_at_once() {
    const auto start = [&](int rank) {  // whose silence would be noticed after a minute
      return std::make_unique<Running>(
          QStringList{"train", project_, "--timeout", "60", "--out", path("joining")},
          Variables{{"RANK", QString::number(rank)},
                    {"WORLD_SIZE", "3"},
                    {"MASTER_ADDR", "127.0.0.1"},
                    {"MASTER_PORT", "23464"}});
    };
    const auto first = start(0);
    const auto second = start(1);
    QTest::qWait(2000 * patience_);
    QElapsedTimer clock;
    clock.start();
    second->signal(SIGKILL);
    const Result result = first->result(kPatienceMs);
    VERIFY_CHILD(clock.elapsed() < kMostMs * patience_, result);
    VERIFY_CHILD(result.code == 1, result);
    VERIFY_CHILD(result.err.contains("rank 1 (cpu on ") && result.err.contains("went away"),
                 result);
  }

  void a_run_goes_on_from_its_last_checkpoint() {
    const Result undisturbed =
        Running(train({"--epochs", "60", "--nproc-per-node", "2", "--out", path("undisturbed")}))
            .result();
    VERIFY_CHILD(undisturbed.code == 0, undisturbed);
    const QByteArray token = next_token();
    Running running(train({"--epochs", "60", "--nproc-per-node", "2", "--max-restarts", "4",
                           "--out", path("restarted")}),
                    {{"NETWRIGHT_TEST", token}});
    const QString checkpoint = path("restarted/spirals-checkpoint.pt");
    for (const int rank : {1, 0}) {
      const QDateTime before = QFileInfo(checkpoint).lastModified();
      QVERIFY(QTest::qWaitFor(
          [&] {
            return QFileInfo(checkpoint).lastModified() > before ||
                   (!before.isValid() && QFile::exists(checkpoint));
          },
          kPatienceMs * patience_));
      const pid_t victim = find(token, rank);
      ::kill(victim, SIGKILL);
      QVERIFY(QTest::qWaitFor([&] { return ::kill(victim, 0) != 0; }, kPatienceMs));
    }
    const Result result = running.result();
    VERIFY_CHILD(result.code == 0, result);
    VERIFY_CHILD(result.json()["restarts"].toInt() == 2, result);
    VERIFY_CHILD(result.err.contains("starting all again from " + checkpoint.toUtf8()), result);
    QCOMPARE(read(path("restarted/spirals.pt")), read(path("undisturbed/spirals.pt")));
    QCOMPARE(read(path("restarted/curves.csv")), read(path("undisturbed/curves.csv")));
    for (const char* figure : {"test_loss", "test_accuracy", "steps", "validation_loss"}) {
      QCOMPARE(result.json()[figure], undisturbed.json()[figure]);
    }
    VERIFY_CHILD(all_gone(token), result);
  }

  void a_checkpoint_of_another_run_is_left_alone() {
    const QString kept = path("other.pt");
    const Result other = Running(train({"--epochs", "3", "--seed", "9", "--checkpoint", kept,
                                        "--out", path("other")}))
                             .result();
    VERIFY_CHILD(other.code == 0, other);
    const QByteArray token = next_token();
    Running running(train({"--epochs", "3", "--nproc-per-node", "2", "--max-restarts", "1",
                           "--checkpoint", kept, "--out", path("own")}),
                    {{"NETWRIGHT_TEST", token}});
    ::kill(find(token, 1), SIGKILL);  // before it has one of its own
    const Result result = running.result();
    VERIFY_CHILD(result.code == 0, result);
    VERIFY_CHILD(result.err.contains("starting all again from the beginning"), result);
    const Result straight =
        Running(train({"--epochs", "3", "--nproc-per-node", "2", "--out", path("straight")}))
            .result();
    QCOMPARE(read(path("own/spirals.pt")), read(path("straight/spirals.pt")));
  }

  /// Killed at any time, also while it saves: what the file holds then is whole.
  void a_run_that_is_killed_again_and_again_loses_no_checkpoint() {
    const QString kept = path("whole.pt");
    int64_t before = 0;
    for (int round = 0; round < 8; ++round) {
      QStringList words = train({"--epochs", "100000", "--checkpoint", kept, "--out", path("cut")});
      if (QFile::exists(kept)) words += {"--resume", kept};
      Running running(words);
      const QDateTime old = QFileInfo(kept).lastModified();
      QVERIFY(QTest::qWaitFor([&] { return QFileInfo(kept).lastModified() != old; },
                              kPatienceMs * patience_));
      QTest::qWait(random_.bounded(100));
      running.signal(SIGKILL);
      QVERIFY(running.ends_within(kPatienceMs));
      const train::Checkpoint checkpoint = train::load_checkpoint(kept.toStdString());
      QVERIFY(checkpoint.step > before);
      before = checkpoint.step;
      const std::string rows = checkpoint.curves.csv(true);
      QCOMPARE(std::count(rows.begin(), rows.end(), '\n'), checkpoint.step + 1);
    }
  }

  void events_tell_of_faults() {
    const QByteArray token = next_token();
    Running running({"train", project_, "--epochs", "100", "--nproc-per-node", "2",
                     "--max-restarts", "1", "--events", "--out", path("events")},
                    {{"NETWRIGHT_TEST", token}});
    QVERIFY(QTest::qWaitFor([&] { return running.process().bytesAvailable() > 1000; },
                            kPatienceMs * patience_));
    ::kill(find(token, 0), SIGKILL);
    const Result result = running.result();
    VERIFY_CHILD(result.code == 0, result);
    const std::vector<train::RunEvent> events = events_of(result.out);
    QCOMPARE(all_of<train::RankLost>(events).size(), size_t{1});
    QCOMPARE(all_of<train::RankLost>(events)[0].fault.rank, 0);
    QCOMPARE(all_of<train::Restarting>(events).size(), size_t{1});
    QCOMPARE(all_of<train::Joined>(events).size(), size_t{2});
    QCOMPARE(all_of<train::Finished>(events).size(), size_t{1});
    QCOMPARE(std::get<train::Finished>(events.back()).outcome, train::Outcome::Completed);
  }
};

QTEST_GUILESS_MAIN(TestFaults)
#include "test_faults.moc"
