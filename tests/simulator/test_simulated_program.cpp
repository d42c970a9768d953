#include <signal.h>

#include <QDir>
#include <cmath>

#include "tests/cli/ranks.h"
#include "tests/support/draw.h"

using namespace nw::cli_test;

namespace {

/// The program, where there are simulated GPUs.
Variables simulated(const QString& settings = {}) {
  const QString folder = NW_BINARY_DIR "/simulated";
  const QString seed = QString(",seed=%1").arg(nw::test::test_seed());
  return {{"NETWRIGHT_PLUGINS", folder + "/plugins"},
          {"LD_LIBRARY_PATH", folder},
          {"NETWRIGHT_SIMULATED_GPU", settings + seed}};
}
Result run_simulated(const QStringList& words, const QString& settings = {}) {
  return run_with(simulated(settings), words);
}

/// The numbers of one column of curves.csv.
QList<double> column(const QString& file, const QString& name) {
  QList<double> out;
  const QList<QByteArray> lines = read(file).split('\n');
  const qsizetype index = lines.value(0).split(',').indexOf(name.toUtf8());
  for (qsizetype i = 1; index >= 0 && i < lines.size(); ++i) {
    const QList<QByteArray> cells = lines[i].split(',');
    if (cells.size() > index && !cells[index].isEmpty()) out.append(cells[index].toDouble());
  }
  return out;
}

}  // namespace

/// The real program with simulated GPUs, in processes of its own.
class TestSimulatedProgram : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;

  QStringList train(const QString& out, const QStringList& more = {}, int epochs = 1) {
    return QStringList{"train",        example("spirals.netwright"),
                       "--epochs",     QString::number(epochs),
                       "--batch-size", "64",
                       "--out",        folder_.filePath(out)} +
           more;
  }

  /// Of so many blocks, each seed others; 0: of all.
  QStringList selftest(qsizetype count, int cases) {
    const QString seed = QString::number(nw::test::test_seed());
    QStringList words{"selftest", "--device", "cuda:0", "--cases"};
    words << QString::number(cases) << "--seed" << seed;
    QStringList ids;
    for (const QJsonValue& value : run({"blocks", "--json"}).json()["blocks"].toArray()) {
      const QJsonObject block = value.toObject();
      const bool computes = !block["kernels"].toObject()["all"].toArray().isEmpty();
      if (computes) ids.append(block["id"].toString());
    }
    nw::test::Draw draw(nw::test::test_seed());
    while (count > 0 && ids.size() > count) ids.removeAt(draw.integer(0, ids.size() - 1));
    for (const QString& id : ids) words << "--block" << id;
    return words;
  }

 private slots:
  void doctor_finds_all_pieces() {
    const Result result = run_simulated({"doctor", "--json"}, "memory=2G");
    VERIFY_CHILD(result.code == 0, result);
    const QJsonObject json = result.json();
    QVERIFY(json["ready_for_cuda"].toBool());
    QStringList devices;
    for (const QJsonValue& device : json["devices"].toArray()) {
      devices.append(device.toObject()["device"].toString());
    }
    QCOMPARE(devices, (QStringList{"cpu", "cuda:0", "cuda:1"}));
  }

  void doctor_says_what_is_wrong() {
    const Result none = run_simulated({"doctor"}, "devices=0");
    VERIFY_CHILD(none.code == 1 && none.out.contains("no CUDA-capable device"), none);
    const Result old = run_simulated({"doctor"}, "driver=old");
    VERIFY_CHILD(old.code == 1 && old.out.contains("install a newer NVIDIA driver"), old);
    const Result refused = run_simulated(train("none", {"--device", "cuda:0"}), "devices=0");
    VERIFY_CHILD(refused.code == 1 && refused.err.contains("cuda:0"), refused);
  }

  void blocks_compute_as_on_the_cpu() {
    const Result result = run_simulated(selftest(0, 1));
    VERIFY_CHILD(result.code == 0 && result.out.contains("all right"), result);
  }

  void a_lost_device_is_told_with_what_was_queued_last() {
    const Result result =
        run_simulated(train("lost", {"--device", "cuda:0"}), "illegal_address=60");
    VERIFY_CHILD(result.code == 1 && !result.crashed, result);
    VERIFY_CHILD(result.err.contains("an illegal memory access was encountered"), result);
    VERIFY_CHILD(result.err.contains("queued last: "), result);
    VERIFY_CHILD(result.err.contains("start it again"), result);
  }

  void a_launch_that_fails_names_its_kernel() {
    const Result result = run_simulated(train("failed", {"--device", "cuda:0"}), "fail_launch=60");
    VERIFY_CHILD(result.code == 1 && !result.crashed, result);
    VERIFY_CHILD(result.err.contains("too many resources requested for launch"), result);
    VERIFY_CHILD(result.err.contains("start of "), result);
  }

  void the_order_of_streams_changes_no_number() {
    QByteArray weights;
    for (const char* seed : {"1", "2", "3"}) {
      Variables variables = simulated();
      variables["NETWRIGHT_SIMULATED_GPU"] = QString("seed=%1").arg(seed);
      const QString out = QString("order-%1").arg(seed);
      const Result result = run_with(variables, train(out, {"--device", "cuda:0"}));
      VERIFY_CHILD(result.code == 0, result);
      const QByteArray found = read(folder_.filePath(out + "/spirals.safetensors"));
      QVERIFY(!found.isEmpty());
      if (weights.isEmpty()) weights = found;
      QCOMPARE(found, weights);
    }
  }

  void two_gpus_are_one_with_the_joined_batch() {
    const Result one = run_simulated(train("one", {"--device", "cuda:0"}));
    VERIFY_CHILD(one.code == 0, one);
    const Result two = run_simulated(
        train("two", {"--device", "cuda:0", "--nproc-per-node", "2", "--backend", "nccl"}));
    VERIFY_CHILD(two.code == 0, two);
    const QList<double> a = column(folder_.filePath("one/curves.csv"), "train_loss");
    const QList<double> b = column(folder_.filePath("two/curves.csv"), "train_loss");
    QCOMPARE(b.size(), a.size());
    QVERIFY(a.size() >= 10);
    for (qsizetype i = 0; i < a.size(); ++i) {
      QVERIFY2(std::abs(a[i] - b[i]) < 1e-4,
               qPrintable(QString("step %1: %2 and %3").arg(i + 1).arg(a[i]).arg(b[i])));
    }
  }

  void a_killed_rank_is_told_with_its_gpu() {
    Variables variables = simulated();
    const QByteArray token = "gpu-" + QByteArray::number(QCoreApplication::applicationPid());
    variables["NETWRIGHT_TEST"] = token;
    Running running(
        train("killed",
              {"--device", "cuda:0", "--nproc-per-node", "2", "--backend", "nccl", "--checkpoint",
               folder_.filePath("killed.pt"), "--timeout", "5", "--json"},
              100000),
        variables);
    QTRY_VERIFY_WITH_TIMEOUT(QFile::exists(folder_.filePath("killed.pt")), 30000);
    for (const Member& member : members(token)) {
      if (member.rank == 1) QCOMPARE(::kill(member.pid, SIGKILL), 0);
    }
    QVERIFY2(running.ends_within(20000), "it goes on");
    const Result result = running.result();
    VERIFY_CHILD(result.code == 1, result);
    const QJsonObject fault = result.json()["fault"].toObject();
    QCOMPARE(fault["rank"].toInt(-1), 1);
    QCOMPARE(fault["device"].toString(), "cuda:1");
    QTRY_VERIFY(members(token).empty());
  }

  /// Each tensor has its own memory then, at whose end nobody may read on.
  void kernels_keep_to_their_tensors() {
    Variables variables = simulated("tight");
    variables["NETWRIGHT_CUDA_CACHING"] = "0";
    const Result result = run_with(variables, selftest(50, 1));
    VERIFY_CHILD(result.code == 0 && result.out.contains("all right"), result);
  }
};

QTEST_GUILESS_MAIN(TestSimulatedProgram)
#include "test_simulated_program.moc"
