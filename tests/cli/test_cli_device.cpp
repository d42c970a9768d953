#include <unistd.h>

#include "app/cli/run.h"
#include "core/backend/backend.h"
#include "core/nn/block.h"
#include "tests/cli/child.h"
#include "tests/support/fake_device.h"

using namespace nw::cli_test;

namespace {

/// The program in this process, where there are fake GPUs, with what it prints in `file`.
int run_here(const std::vector<const char*>& words, const QString& file) {
  std::vector<const char*> all{"netwright-cli"};
  all.insert(all.end(), words.begin(), words.end());
  std::fflush(stdout);
  const int kept = dup(STDOUT_FILENO);
  QFile out(file);
  if (!out.open(QIODevice::WriteOnly)) return -1;
  dup2(out.handle(), STDOUT_FILENO);
  const int code = nw::cli::run(static_cast<int>(all.size()), all.data());
  std::fflush(stdout);
  dup2(kept, STDOUT_FILENO);
  close(kept);
  return code;
}

}  // namespace

/// What the program tells of devices: doctor, selftest, and the kernels of blocks.
class TestCliDevice : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;

 private slots:
  void doctor_says_what_is_missing() {
    const Result result = run({"doctor", "--json"});
    const QJsonObject json = result.json();
    VERIFY_CHILD(!json.isEmpty(), result);
    VERIFY_CHILD(result.code == (json["ready_for_cuda"].toBool() ? 0 : 1), result);
    QCOMPARE(json["missing"].toArray().isEmpty(), json["ready_for_cuda"].toBool());
    QCOMPARE(json["devices"].toArray()[0].toObject()["device"].toString(), "cpu");
    QVERIFY(json["devices"].toArray()[0].toObject()["total_bytes"].toDouble() > 1e8);
    QVERIFY(!json["plugin_folders"].toArray().isEmpty());

    const Result people = run({"doctor"});
    QCOMPARE(people.code, result.code);
    for (const QJsonValue& missing : json["missing"].toArray()) {
      const QString first = missing.toString().section('\n', 0, 0);
      VERIFY_CHILD(QString::fromUtf8(people.out).contains(first), people);
    }
  }

  void doctor_names_a_plugin_that_cannot_be_loaded() {
    write(folder_.filePath("broken.so"), "no library");
    qputenv("NETWRIGHT_PLUGINS", folder_.path().toUtf8());
    const Result result = run({"doctor", "--json"});
    qunsetenv("NETWRIGHT_PLUGINS");
    QCOMPARE(result.code, 1);
    QCOMPARE(result.json()["plugin_folders"].toArray()[0].toString(), folder_.path());
    bool named = false;
    for (const QJsonValue& one : result.json()["plugins"].toArray()) {
      const QJsonObject plugin = one.toObject();
      if (!plugin["path"].toString().endsWith("broken.so")) continue;
      named = !plugin["loaded"].toBool() && plugin["problem"].toString().contains("broken.so");
    }
    VERIFY_CHILD(named, result);
  }

  void selftest_compares_threads_on_the_cpu() {
    const Result result =
        run({"selftest", "--device", "cpu", "--block", "Linear", "--block", "Dropout", "--dtype",
             "float32", "--dtype", "bfloat16", "--cases", "3"});
    VERIFY_CHILD(result.code == 0, result);
    QCOMPARE(result.out.count("ok    "), 4);
    VERIFY_CHILD(result.out.contains("Linear bfloat16: 3 cases"), result);
    VERIFY_CHILD(result.out.contains("12 cases, ") && result.out.contains("all right"), result);
  }

  void selftest_refuses_what_is_not_there() {
    for (const QStringList& words :
         {QStringList{"--device", "cuda:99"}, QStringList{"--device", "meta"},
          QStringList{"--device", "cpu", "--block", "Nonesuch"},
          QStringList{"--device", "cpu", "--dtype", "float7"},
          QStringList{"--device", "cpu", "--cases", "0"}}) {
      const Result result = run(QStringList{"selftest"} + words);
      VERIFY_CHILD(result.code == 1 && !result.err.isEmpty(), result);
    }
  }

  void selftest_finds_a_mistake_on_another_device() {
    nw::test::fake_gpus();
    const QString file = folder_.filePath("selftest.json");
    const std::vector<const char*> words{"selftest", "--device",  "cuda:1",  "--block", "Linear",
                                         "--block",  "GroupNorm", "--cases", "4",       "--json"};
    QCOMPARE(run_here(words, file), 0);
    QJsonObject json = QJsonDocument::fromJson(read(file)).object();
    QCOMPARE(json["wrong"].toInt(), 0);
    QCOMPARE(json["cases"].toInt(), 2 * 4 * 4);
    QVERIFY(json["with_gradients"].toInt() > 8);
    QVERIFY(json["computed_on_the_cpu"].toObject().contains("norm.group_norm"));
    QVERIFY(!json["computed_on_the_cpu"].toObject().contains("linear"));

    nw::test::set_fake_mistake(true);
    const int code = run_here(words, file);
    nw::test::set_fake_mistake(false);
    QCOMPARE(code, 1);
    json = QJsonDocument::fromJson(read(file)).object();
    QVERIFY(json["wrong"].toInt() > 4);
    for (const QJsonValue& line : json["blocks"].toArray()) {
      const bool linear = line.toObject()["block"].toString() == "Linear";
      QCOMPARE(line.toObject()["problems"].toArray().isEmpty(), !linear);
    }
  }

  void blocks_tell_their_kernels() {
    nw::test::fake_gpus();
    const QString file = folder_.filePath("blocks.json");
    QCOMPARE(run_here({"blocks", "--json"}, file), 0);
    const QJsonArray blocks = QJsonDocument::fromJson(read(file)).object()["blocks"].toArray();
    QVERIFY(blocks.size() > 100);
    for (const QJsonValue& one : blocks) {
      const QJsonObject kernels = one.toObject()["kernels"].toObject();
      const QString id = one.toObject()["id"].toString();
      const QJsonArray on_cpu = kernels["on_cpu_for_cuda"].toArray();
      QCOMPARE(kernels["native_on_cuda"].toBool(), on_cpu.isEmpty());
      if (id == "Softmax") QVERIFY(on_cpu.contains("softmax") && on_cpu.contains("softmax_grad"));
      if (id == "Identity") QVERIFY(on_cpu.isEmpty());
      if (id == "Conv2d") QVERIFY(kernels["all"].toArray().contains("conv"));
    }
  }
};

QTEST_GUILESS_MAIN(TestCliDevice)
#include "test_cli_device.moc"
