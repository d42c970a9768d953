#include <QStandardPaths>
#include <csignal>

#include "core/io/state_file.h"
#include "tests/cli/ranks.h"

using namespace nw;
using namespace nw::cli_test;

namespace {

constexpr const char* kTorchrun = "/usr/bin/torchrun";

/// The largest difference between two files of weights; huge when their keys differ.
double difference(const QString& one, const QString& other) {
  const nn::StateDict a = io::load_state(one.toStdString());
  const nn::StateDict b = io::load_state(other.toStdString());
  double most = a.entries.size() == b.entries.size() ? 0 : 1e30;
  for (size_t i = 0; i < a.entries.size() && most < 1e30; ++i) {
    if (a.entries[i].key != b.entries[i].key) return 1e30;
    const auto* x = a.entries[i].tensor.data<float>();
    const auto* y = b.entries[i].tensor.data<float>();
    for (int64_t k = 0; k < a.entries[i].tensor.numel(); ++k) {
      most = std::max(most, static_cast<double>(std::abs(x[k] - y[k])));
    }
  }
  return most;
}

}  // namespace

/// Training in several processes, as people start it.
class TestCliRanks : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;

  QString path(const QString& name) const { return folder_.filePath(name); }
  QStringList train(const QString& out, const QStringList& more) const {
    return QStringList{"train", example("spirals.netwright"), "--out", path(out)} + more;
  }

 private slots:
  void initTestCase() {
    for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK"}) qunsetenv(name);
    const Result alone = run_with({}, train("alone", {"--epochs", "4", "--json"}));
    VERIFY_CHILD(alone.code == 0, alone);
  }

  void processes_learn_what_one_learns_data() {
    QTest::addColumn<QString>("processes");
    for (const char* count : {"1", "2", "3"}) QTest::newRow(count) << QString(count);
  }

  void processes_learn_what_one_learns() {
    QFETCH(QString, processes);
    const QString out = "with-" + processes;
    const Result result =
        run_with({}, train(out, {"--epochs", "4", "--json", "--nproc-per-node", processes}));
    VERIFY_CHILD(result.code == 0 && result.err.isEmpty(), result);
    const QJsonObject json = result.json();
    QCOMPARE(json["outcome"].toString(), "completed");
    QCOMPARE(json["started_by"].toString(), "netwright-cli");
    QCOMPARE(json["backend"].toString(), "gloo");
    QCOMPARE(json["restarts"].toInt(-1), 0);
    const QJsonArray ranks = json["ranks"].toArray();
    QCOMPARE(QString::number(ranks.size()), processes);
    for (int rank = 0; rank < ranks.size(); ++rank) {
      QCOMPARE(ranks[rank].toObject()["rank"].toInt(), rank);
      QCOMPARE(ranks[rank].toObject()["device"].toString(), "cpu");
      QCOMPARE(ranks[rank].toObject()["host"].toString().toStdString(), dist::host_name());
    }
    const double most = difference(path("alone/spirals.pt"), path(out + "/spirals.pt"));
    QVERIFY2(most < 1e-4, qPrintable(QString::number(most)));
    if (processes == "1") QCOMPARE(most, 0.0);

    const Result tested = run_with({}, {"eval", example("spirals.netwright"), "--weights",
                                        path(out + "/spirals.safetensors"), "--json"});
    VERIFY_CHILD(tested.code == 0, tested);
    QCOMPARE(tested.json()["test_accuracy"], json["test_accuracy"]);
  }

  void the_same_run_gives_the_same_bits() {
    const Result again = run_with({}, train("again", {"--epochs", "4", "--device", "cpu*2"}));
    VERIFY_CHILD(again.code == 0, again);
    QCOMPARE(read(path("again/spirals.pt")), read(path("with-2/spirals.pt")));
    // One rank tells, and says how they found together.
    QCOMPARE(again.out.count("epoch 4/4"), 1);
    QVERIFY2(again.out.contains("2 ranks over gloo, started by netwright-cli"), again.out);
  }

  void runs_go_on_from_checkpoints_with_any_number_of_ranks() {
    const QString kept = path("kept.pt");
    const Result half = run_with(
        {}, train("half", {"--epochs", "2", "--nproc-per-node", "2", "--checkpoint", kept}));
    VERIFY_CHILD(half.code == 0, half);
    const Result two =
        run_with({}, train("two", {"--epochs", "4", "--nproc-per-node", "2", "--resume", kept}));
    VERIFY_CHILD(two.code == 0, two);
    QCOMPARE(read(path("two/spirals.pt")), read(path("with-2/spirals.pt")));
    // Also of what was trained before the checkpoint.
    QCOMPARE(read(path("two/curves.csv")), read(path("with-2/curves.csv")));
    const Result one = run_with({}, train("one", {"--epochs", "4", "--resume", kept}));
    VERIFY_CHILD(one.code == 0, one);
    QVERIFY(difference(path("one/spirals.pt"), path("alone/spirals.pt")) < 1e-4);
  }

  void torchrun_starts_us_data() {
    QTest::addColumn<QStringList>("how");
    QTest::newRow("with a store of its own") << QStringList{"--master_port", "23456"};
    QTest::newRow("standalone") << QStringList{"--standalone"};
  }

  void torchrun_starts_us() {
    QFETCH(QStringList, how);
    if (!QFile::exists(kTorchrun)) QSKIP("torchrun is not installed (Debian: python3-torch)");
    // Python 3.11 lets torch 1.13 redirect nothing, or both streams, no more.
    Running running(
        how + QStringList{"-r", "1", "-t", "1", "--nproc_per_node", "2", "--no_python", program()} +
            train("torchrun", {"--epochs", "4"}),
        {}, kTorchrun);
    const Result result = running.result();
    VERIFY_CHILD(result.code == 0, result);
    VERIFY_CHILD(result.out.contains("2 ranks over gloo, started by torchrun: RANK and WORLD_SIZE"),
                 result);
    QCOMPARE(read(path("torchrun/spirals.pt")), read(path("with-2/spirals.pt")));
  }

  void mpirun_starts_us() {
    const QString mpirun = QStandardPaths::findExecutable("mpirun");
    QProcess version;
    version.start(mpirun, {"--version"});
    if (mpirun.isEmpty() || !version.waitForFinished() || !version.readAll().contains("Open MPI")) {
      QSKIP("Open MPI's mpirun is not installed (Debian: openmpi-bin)");
    }
    const Result result =
        Running(QStringList{"--oversubscribe", "-np", "2", program()} +
                    train("mpirun", {"--epochs", "4"}),
                {{"OMPI_ALLOW_RUN_AS_ROOT", "1"}, {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"}}, mpirun)
            .result();
    VERIFY_CHILD(result.code == 0, result);
    VERIFY_CHILD(result.out.contains("2 ranks over gloo, started by Open MPI's mpirun: "
                                     "OMPI_COMM_WORLD_RANK and OMPI_COMM_WORLD_SIZE"),
                 result);
    QCOMPARE(read(path("mpirun/spirals.pt")), read(path("with-2/spirals.pt")));
  }

  void other_starters_start_us_data() {
    QTest::addColumn<QString>("rank");
    QTest::addColumn<QString>("size");
    QTest::addColumn<QString>("name");
    QTest::newRow("Open MPI") << "OMPI_COMM_WORLD_RANK"
                              << "OMPI_COMM_WORLD_SIZE"
                              << "Open MPI";
    QTest::newRow("Hydra") << "PMI_RANK"
                           << "PMI_SIZE"
                           << "MPICH";
    QTest::newRow("srun") << "SLURM_PROCID"
                          << "SLURM_NTASKS"
                          << "srun";
    QTest::newRow("by hand") << "RANK"
                             << "WORLD_SIZE"
                             << "the environment";
  }

  void other_starters_start_us() {
    QFETCH(QString, rank);
    QFETCH(QString, size);
    QFETCH(QString, name);
    Variables variables{{size, "2"}, {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", "23457"}};
    variables[rank] = "1";
    Running second(train("unused", {"--epochs", "4", "--json"}), variables);
    variables[rank] = "0";
    const Result first = run_with(variables, train("started", {"--epochs", "4", "--json"}));
    VERIFY_CHILD(first.code == 0, first);
    const QString by = first.json()["started_by"].toString();
    QVERIFY2(by.contains(name) && by.endsWith(": " + rank + " and " + size), qPrintable(by));
    const Result other = second.result();
    VERIFY_CHILD(other.code == 0 && other.out.isEmpty(), other);  // rank 0 tells
    QCOMPARE(read(path("started/spirals.pt")), read(path("with-2/spirals.pt")));
    QVERIFY(!QFile::exists(path("unused")));
  }

  void what_does_not_go_together_data() {
    QTest::addColumn<Variables>("variables");
    QTest::addColumn<QStringList>("options");
    QTest::addColumn<QByteArray>("text");
    const auto row = [](const char* name, const Variables& variables, const QStringList& options,
                        const char* text) {
      QTest::newRow(name) << variables << options << QByteArray(text);
    };
    const Variables torchrun{{"RANK", "1"},
                             {"WORLD_SIZE", "4"},
                             {"LOCAL_RANK", "1"},
                             {"LOCAL_WORLD_SIZE", "4"},
                             {"MASTER_ADDR", "a"},
                             {"MASTER_PORT", "1"},
                             {"TORCHELASTIC_RUN_ID", "none"}};
    row("half", {{"RANK", "0"}}, {}, "RANK is set, but not WORLD_SIZE");
    row("two starters", torchrun, {"--nproc-per-node", "2"},
        "already rank 1 of 4 (torchrun: RANK and WORLD_SIZE)");
    row("nodes alone", {}, {"--nnodes", "2"}, "--nproc-per-node");
    row("no node rank", {}, {"--nproc-per-node", "2", "--nnodes", "2"}, "expects --node-rank");
    row("no address", {}, {"--nproc-per-node", "2", "--nnodes", "2", "--node-rank", "1"},
        "expects --master-addr");
    row("node rank", {},
        {"--nproc-per-node", "2", "--nnodes", "2", "--node-rank", "2", "--master-addr", "a"},
        "--node-rank 2 expects a number below --nnodes 2");
    row("no processes", {}, {"--nproc-per-node", "0"}, "--nproc-per-node");
    row("backend", {}, {"--nproc-per-node", "2", "--backend", "mpi"}, "--backend");
    row("devices", {}, {"--nproc-per-node", "3", "--device", "cpu*2"},
        "--nproc-per-node 3 expects as many devices, gets 2");
    row("events and JSON", {}, {"--events", "--json"}, "--events");
  }

  void what_does_not_go_together() {
    QFETCH(Variables, variables);
    QFETCH(QStringList, options);
    QFETCH(QByteArray, text);
    const Result result = run_with(variables, train("none", options));
    VERIFY_CHILD(result.code == 1 || result.code == 2, result);
    VERIFY_CHILD(result.err.contains(text), result);
  }

  void mistakes_are_told_once() {
    const Result result =
        run_with({}, {"train", path("nothing.netwright"), "--nproc-per-node", "3"});
    VERIFY_CHILD(result.code == 1 && result.err.count("nothing.netwright") == 1, result);
  }

  void rank_0_that_fails_alone_is_the_fault() {
    write(path("file"), "");
    const Result result = run_with({}, {"train", example("spirals.netwright"), "--out",
                                        path("file/folder"), "--nproc-per-node", "2", "--json"});
    VERIFY_CHILD(result.code == 1, result);
    const QJsonObject fault = result.json()["fault"].toObject();
    QCOMPARE(fault["rank"].toInt(-1), 0);
    QVERIFY2(fault["cause"].toString().contains("cannot be written to"), result.all());
    QVERIFY2(!result.json()["error"].toString().isEmpty(), result.all());
  }

  void ctrl_c_stops_and_saves_on_all_data() {
    QTest::addColumn<int>("signal");
    QTest::newRow("Ctrl+C") << SIGINT;
    QTest::newRow("timeout, which sends it twice") << SIGTERM;
  }

  void ctrl_c_stops_and_saves_on_all() {
    QFETCH(int, signal);
    const QString out = QString("stopped-%1").arg(signal);
    Running running(train(out, {"--epochs", "100000", "--nproc-per-node", "2"}));
    QVERIFY(QTest::qWaitFor([&] { return running.process().bytesAvailable() > 200; }, 60000));
    running.signal(signal);
    if (signal == SIGTERM) {
      QTest::qWait(60);
      running.signal(signal);
    }
    QVERIFY(running.ends_within(10000));
    const Result result = running.result();
    VERIFY_CHILD(result.code == 128 + signal, result);
    VERIFY_CHILD(result.out.contains("stopped after "), result);
    VERIFY_CHILD(result.err.isEmpty(), result);
    QVERIFY(QFile::exists(path(out + "/spirals.pt")));
  }

  void ctrl_z_holds_all_until_they_are_continued() {
    const QByteArray token = "held-" + QByteArray::number(QCoreApplication::applicationPid());
    Running running(train("held", {"--epochs", "100000", "--nproc-per-node", "2", "--timeout", "1",
                                   "--checkpoint", path("held.pt")}),
                    {{"NETWRIGHT_TEST", token}});
    const auto state_of_all = [&] {  // as /proc tells it: T is stopped
      QByteArray states;
      for (const Member& member : members(token)) {
        const QByteArray stat = read(QString("/proc/%1/stat").arg(member.pid));
        states += stat.mid(stat.lastIndexOf(')') + 2, 1);
      }
      return states;
    };
    QVERIFY(QTest::qWaitFor([&] { return QFile::exists(path("held.pt")); }, 60000));
    running.signal(SIGTSTP);
    QVERIFY(QTest::qWaitFor([&] { return state_of_all() == "TTT"; }, 5000));
    const QDateTime before = QFileInfo(path("held.pt")).lastModified();
    QTest::qWait(4000);  // far more than what counts as lost
    QCOMPARE(state_of_all(), QByteArray("TTT"));
    QCOMPARE(QFileInfo(path("held.pt")).lastModified(), before);
    running.signal(SIGCONT);
    QVERIFY(
        QTest::qWaitFor([&] { return QFileInfo(path("held.pt")).lastModified() > before; }, 20000));
    QTest::qWait(2000);  // for who might find somebody silent
    running.signal(SIGINT);
    QVERIFY(running.ends_within(10000));
    const Result result = running.result();
    VERIFY_CHILD(result.code == 130, result);
    VERIFY_CHILD(result.err.isEmpty(), result);
    QVERIFY(members(token).empty());
  }

  void events_and_commands_data() {
    QTest::addColumn<QStringList>("how");
    QTest::newRow("one process") << QStringList{};
    QTest::newRow("two processes") << QStringList{"--nproc-per-node", "2"};
  }

  void events_and_commands() {
    QFETCH(QStringList, how);
    Running running(train("events", QStringList{"--epochs", "100000", "--events"} + how));
    QProcess& process = running.process();
    QByteArray out;
    const auto wait_for = [&](const char* word, int count) {
      return QTest::qWaitFor(
          [&] {
            out += process.readAllStandardOutput();
            return out.count(word) >= count;
          },
          60000);
    };
    QVERIFY(wait_for("\"event\":\"step\"", 5));
    process.write("pause\n");
    QVERIFY2(wait_for("\"event\":\"paused\"", 1), out.right(2000));
    const qsizetype paused = out.count("\"event\":\"step\"");
    QTest::qWait(300);
    process.write("step\n");
    QVERIFY(wait_for("\"event\":\"paused\"", 2));
    QCOMPARE(out.count("\"event\":\"step\""), paused + 1);
    process.write("resume\n");
    QVERIFY(wait_for("\"event\":\"resumed\"", 1));
    QVERIFY(wait_for("\"event\":\"step\"", static_cast<int>(paused) + 5));
    process.write("nonsense\nstop\n");
    Result result = running.result(20000);
    out += result.out;
    QCOMPARE(result.code, 0);
    VERIFY_CHILD(result.err.contains("expects pause, resume, stop or step"), result);

    const std::vector<train::RunEvent> events = events_of(out);
    QVERIFY2(!events.empty(), out.left(2000));
    const size_t ranks = how.isEmpty() ? 0 : 2;
    const auto joined = all_of<train::Joined>(events);
    QCOMPARE(joined.size(), size_t{how.isEmpty() ? 0U : 1U});
    if (!joined.empty()) QCOMPARE(joined[0].ranks.size(), ranks);
    for (const train::StepDone& step : all_of<train::StepDone>(events)) {
      QCOMPARE(step.ranks.size(), ranks);
      for (const dist::StepTimes& times : step.ranks) QVERIFY(times.compute > 0);
    }
    const auto* end = std::get_if<train::Finished>(&events.back());
    QVERIFY(end != nullptr);
    QCOMPARE(end->outcome, train::Outcome::Stopped);
    QVERIFY(QFile::exists(path("events/spirals.pt")));
  }

  void the_bench_tells_what_ranks_send() {
    const Result result = run_with(
        {}, {"bench", "--ddp", "--net", "mlp", "--nproc", "3,2", "--repeats", "2", "--json"});
    VERIFY_CHILD(result.code == 0 && result.err.isEmpty(), result);
    const QJsonArray runs = result.json()["runs"].toArray();
    QCOMPARE(runs.size(), 3);  // one process, too, which the others are measured by
    constexpr double kGradientBytes = 4.0 * (784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10);
    for (int i = 0; i < 3; ++i) {
      const QJsonObject run = runs[i].toObject();
      QCOMPARE(run["processes"].toInt(), i + 1);
      QCOMPARE(run["gradient_bytes"].toDouble(), kGradientBytes);
      const double ring = 2.0 * i / (i + 1) * kGradientBytes;
      QCOMPARE(run["ring_bytes"].toDouble(), ring);
      const double sent = run["sent_bytes"].toDouble();
      VERIFY_CHILD(sent >= ring * 0.999 && sent <= ring * 1.01, result);
      const double step_us = run["step_us"].toDouble();
      VERIFY_CHILD(step_us > 0 && run["compute_us"].toDouble() <= step_us, result);
      QCOMPARE(run["efficiency"].toDouble(), runs[0].toObject()["step_us"].toDouble() / step_us);
      QCOMPARE(run.contains("overlap"), i > 0);
    }
    const Result people =
        run_with({}, {"bench", "--ddp", "--net", "mlp", "--nproc", "2", "--repeats", "1"});
    VERIFY_CHILD(people.code == 0 && people.out.contains("2 processes"), people);
  }

  void a_reader_that_goes_away_stops_the_run() {
    Running running(train("left", {"--epochs", "100000", "--events", "--nproc-per-node", "2"}));
    QVERIFY(QTest::qWaitFor([&] { return running.process().bytesAvailable() > 1000; }, 60000));
    running.process().closeWriteChannel();
    QVERIFY(running.ends_within(15000));
    QCOMPARE(running.result().code, 0);
  }
};

QTEST_GUILESS_MAIN(TestCliRanks)
#include "test_cli_ranks.moc"
