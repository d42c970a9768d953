#include <QCoreApplication>
#include <QTemporaryDir>
#include <QtTest>

#include <unistd.h>

#include <cstdio>

#include "core/backend/creation.h"
#include "core/dist/init.h"
#include "core/dist/sockets.h"
#include "tests/core/dist/ranks.h"
#include "tests/support/python.h"

using namespace nw;
using namespace nw::dist;
using namespace nw::test;
using namespace std::chrono_literals;

/// How processes become a group. They are this program again, see play_rank().
class TestInitProcessGroup : public QObject {
  Q_OBJECT

 private slots:
  void meets_data();
  void meets();
  void meetsBesideATakenPort();
  void meetsUnderTorchrun_data();
  void meetsUnderTorchrun();
  void meetsAcrossTwoMachines();
  void joinsAgainAfterLeaving();
  void leavesNoFile();
  void refusesTheFileOfAKilledRun();
  void learnsThatARankWentAwayWhileAllJoin();
  void takesAStore();
  void refusesWrongOptions_data();
  void refusesWrongOptions();
  void needsTheEnvironment();
  void namesTheRanksThatDoNotCome();
  void refusesARankTakenTwice();
  void refusesWorldsOfTwoSizes();
  void hasOneDefaultGroup();
};

namespace {

int free_port() {
  return local_port(listen_at("127.0.0.1", 0));
}

QProcessEnvironment environment_at(int port) {
  QProcessEnvironment out = QProcessEnvironment::systemEnvironment();
  for (const char* name : {"TORCHELASTIC_RUN_ID", "TORCHELASTIC_USE_AGENT_STORE",
                           "TORCHELASTIC_RESTART_COUNT", "GLOO_SOCKET_IFNAME"}) {
    out.remove(name);
  }
  out.insert("MASTER_ADDR", "127.0.0.1");
  out.insert("MASTER_PORT", QString::number(port));
  return out;
}

InitOptions options_for(const std::string& method, int rank = -1, int size = -1) {
  InitOptions out;
  out.init_method = method;
  out.rank = rank;
  out.world_size = size;
  out.timeout = patient(60s);
  return out;
}

void check_all_fine(RankProcesses& ranks) {
  for (int rank = 0; rank < ranks.size(); ++rank) {
    QCOMPARE(ranks.output(rank), QByteArray("rank ") + QByteArray::number(rank) + " of " +
                                     QByteArray::number(ranks.size()) + " is fine\n");
    QCOMPARE(ranks[rank].exitCode(), 0);
  }
}

}  // namespace

void TestInitProcessGroup::meets_data() {
  QTest::addColumn<QString>("method");
  QTest::addColumn<int>("size");
  for (const int size : {1, 2, 5}) {
    QTest::addRow("env, %d", size) << "env://" << size;
    QTest::addRow("tcp, %d", size) << "tcp://127.0.0.1:PORT" << size;
    QTest::addRow("file, %d", size) << "file://FOLDER/meet" << size;
  }
  QTest::newRow("query") << "tcp://localhost:PORT?rank=RANK&world_size=SIZE" << 2;
  QTest::newRow("query of env") << "env://?rank=RANK&world_size=SIZE" << 2;
  if (listen_at("::1", 0)) QTest::newRow("IPv6") << "tcp://[::1]:PORT" << 3;
}

void TestInitProcessGroup::meets() {
  QFETCH(QString, method);
  QFETCH(int, size);
  const QTemporaryDir folder;
  const int port = free_port();
  method.replace("PORT", QString::number(port)).replace("FOLDER", folder.path());
  method.replace("SIZE", QString::number(size));
  RankProcesses ranks("meet", size, {method}, environment_at(port));
  check_all_fine(ranks);
}

void TestInitProcessGroup::meetsBesideATakenPort() {
  // As under torchrun: MASTER_PORT is taken by a store that speaks otherwise.
  const Socket agent = listen_at("127.0.0.1", 0);
  QProcessEnvironment environment = environment_at(local_port(agent));
  environment.insert("TORCHELASTIC_USE_AGENT_STORE", "True");
  RankProcesses ranks("meet", 3, {"env://"}, environment);
  check_all_fine(ranks);
}

void TestInitProcessGroup::meetsUnderTorchrun_data() {
  QTest::addColumn<QStringList>("arguments");
  QTest::newRow("with a port") << QStringList{"--master_addr", "127.0.0.1", "--master_port",
                                              "PORT"};
  QTest::newRow("standalone") << QStringList{"--standalone"};
}

void TestInitProcessGroup::meetsUnderTorchrun() {
  QFETCH(QStringList, arguments);
  arguments.replaceInStrings("PORT", QString::number(free_port()));
  const QTemporaryDir folder;  // torchrun leaves files behind
  QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
  environment.insert("TMPDIR", folder.path());
  QProcess torchrun;
  torchrun.setProcessEnvironment(environment);
  torchrun.setProcessChannelMode(QProcess::MergedChannels);
  // PyTorch 1.13 fails in Python 3.11 where no stream of any rank goes to a file; there is no
  // rank 9.
  const QStringList usual{"-m", "torch.distributed.run", "-r", "9:1", "-t", "9:1", "--no_python"};
  const QStringList program{QCoreApplication::applicationFilePath(), "--role", "meet", "env://"};
  torchrun.start(kPython, usual + QStringList{"--nproc_per_node", "3"} + arguments + program);
  QVERIFY(torchrun.waitForFinished(patient(120'000)));
  const QByteArray output = torchrun.readAll();
  QVERIFY2(torchrun.exitCode() == 0, output);
  for (int rank = 0; rank < 3; ++rank) {
    QVERIFY2(output.contains("rank " + QByteArray::number(rank) + " of 3 is fine"), output);
  }
}

void TestInitProcessGroup::meetsAcrossTwoMachines() {
  const QStringList own{"--map-root-user", "--net", "--mount"};
  if (QProcess::execute("unshare", own + QStringList{"ip", "link", "set", "lo", "up"}) != 0) {
    QSKIP("this needs network namespaces and iproute2");
  }
  const QTemporaryDir folder;
  QProcess machines;
  machines.setProcessEnvironment(environment_at(0));
  machines.setProcessChannelMode(QProcess::MergedChannels);
  machines.start("unshare",
                 own + QStringList{NW_SOURCE_DIR "/tests/core/dist/two_machines.sh",
                                   QCoreApplication::applicationFilePath(), folder.path()});
  QVERIFY(machines.waitForFinished(patient(120'000)));
  const QByteArray output = machines.readAll();
  QVERIFY2(machines.exitCode() == 0, output);
  QCOMPARE(output.count("of 4 is fine"), 8);
}

void TestInitProcessGroup::joinsAgainAfterLeaving() {
  for (const QString method : {"env://", "file://FOLDER/meet"}) {
    const QTemporaryDir folder;
    QString place = method;
    place.replace("FOLDER", folder.path());
    RankProcesses ranks("meet thrice", 3, {place}, environment_at(free_port()));
    check_all_fine(ranks);
  }
}

void TestInitProcessGroup::leavesNoFile() {
  const QTemporaryDir folder;
  const QString file = folder.filePath("meet");
  for (const char* role : {"meet", "meet thrice", "meet"}) {
    RankProcesses ranks(role, 3, {"file://" + file});
    check_all_fine(ranks);
    QVERIFY(!QFile::exists(file));
  }
}

void TestInitProcessGroup::refusesTheFileOfAKilledRun() {
  const QTemporaryDir folder;
  const QString file = folder.filePath("meet");
  {
    RankProcesses ranks("meet and stay", 2, {"file://" + file});
    QVERIFY(ranks.all_print("stays"));
  }
  QVERIFY(QFile::exists(file));
  RankProcesses ranks("meet", 2, {"file://" + file});
  for (int rank = 0; rank < 2; ++rank) {
    const QByteArray output = ranks.output(rank);
    QVERIFY2(output.contains("taken twice") && output.contains("must be removed"), output);
  }
  QVERIFY(QFile::remove(file));
  RankProcesses again("meet", 2, {"file://" + file});
  check_all_fine(again);
}

/// Of three ranks two come, and one of these is killed.
void TestInitProcessGroup::learnsThatARankWentAwayWhileAllJoin() {
  for (const int lost : {0, 1}) {
    const int port = free_port();
    RankProcesses ranks("meet two of three", 2, {"env://"}, environment_at(port));
    TcpStore store("127.0.0.1", port, false, patient(60s), concat(port, "///0"));
    for (const char* rank : {"0", "1"}) {
      store.get(concat("group/default/0/rank/", rank), patient(60s));
    }
    QTest::qWait(patient(300));
    QElapsedTimer clock;
    clock.start();
    ranks[lost].kill();
    const QByteArray output = ranks.output(1 - lost);
    QVERIFY2(clock.elapsed() < patient(5000), output);
    QVERIFY2(output.contains("went away"), output);
    QVERIFY2(lost == 0 || output.contains("rank 1, process "), output);
  }
}

void TestInitProcessGroup::takesAStore() {
  const std::shared_ptr<TcpStore> server = serve_store();
  RankProcesses ranks("meet at a store", 3, {QString::number(server->port())});
  check_all_fine(ranks);
}

void TestInitProcessGroup::refusesWrongOptions_data() {
  QTest::addColumn<QString>("backend");
  QTest::addColumn<QString>("method");
  QTest::addColumn<int>("rank");
  QTest::addColumn<int>("size");
  QTest::addColumn<QString>("told");
  const QString file = "file:///tmp/no-such-folder-here/meet";
  QTest::newRow("backend") << "mpi" << file << 0 << 1 << "gloo";
  QTest::newRow("nccl") << "nccl" << file << 0 << 1 << "CUDA plugin";
  QTest::newRow("method") << "gloo"
                          << "udp://here" << 0 << 1 << "tcp://HOST:PORT";
  QTest::newRow("no port") << "gloo"
                           << "tcp://here" << 0 << 1 << "tcp://HOST:PORT";
  QTest::newRow("port") << "gloo"
                        << "tcp://here:many" << 0 << 1 << "many";
  QTest::newRow("large port") << "gloo"
                              << "tcp://127.0.0.1:99999" << 0 << 1 << "65535";
  QTest::newRow("file") << "gloo" << file << 0 << 1 << "no-such-folder-here";
  QTest::newRow("relative file") << "gloo"
                                 << "file://meet" << 0 << 1 << "absolute";
  QTest::newRow("no rank") << "gloo" << file << -1 << 2 << "expects a rank";
  QTest::newRow("no size") << "gloo" << file << 0 << -1 << "expects a rank and a world size";
  QTest::newRow("rank beyond") << "gloo" << file << 2 << 2 << "from 0 to 1";
  QTest::newRow("query") << "gloo" << file + "?size=2" << 0 << 2 << "size=2";
  QTest::newRow("query number") << "gloo" << file + "?rank=two" << -1 << 2 << "two";
  QTest::newRow("empty query") << "gloo" << file + "?&" << 0 << 1 << "behind its '?'";
}

void TestInitProcessGroup::refusesWrongOptions() {
  QFETCH(QString, backend);
  QFETCH(QString, method);
  QFETCH(int, rank);
  QFETCH(int, size);
  QFETCH(QString, told);
  InitOptions options = options_for(method.toStdString(), rank, size);
  options.backend = backend.toStdString();
  const std::string text = error_of([&] { init_process_group(options); });
  QVERIFY2(QString::fromStdString(text).contains(told), text.c_str());
  QVERIFY2(text.starts_with("["), text.c_str());
  QVERIFY(!is_initialized());
}

void TestInitProcessGroup::needsTheEnvironment() {
  for (const char* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}) {
    QProcessEnvironment environment = environment_at(free_port());
    environment.remove(name);
    // RANK and WORLD_SIZE are set for every rank: the role forgets one again.
    RankProcesses ranks("forget", 1, {name}, environment);
    const QByteArray output = ranks.output(0);
    QVERIFY2(output.contains(name) && output.contains("torchrun"), output);
  }
}

void TestInitProcessGroup::namesTheRanksThatDoNotCome() {
  const QTemporaryDir folder;
  InitOptions options = options_for("file://" + folder.filePath("meet").toStdString(), 1, 4);
  options.timeout = 300ms;
  const std::string text = error_of([&] { init_process_group(options); });
  QVERIFY2(text.find("for rank 0, 2, 3,") != text.npos, text.c_str());
  QVERIFY(!is_initialized());
}

void TestInitProcessGroup::refusesARankTakenTwice() {
  const QTemporaryDir folder;
  RankProcesses ranks("as rank 1", 2, {"file://" + folder.filePath("meet")});
  int refused = 0;
  for (int rank = 0; rank < 2; ++rank) refused += ranks.output(rank).contains("taken twice");
  QCOMPARE(refused, 1);
}

void TestInitProcessGroup::refusesWorldsOfTwoSizes() {
  const QTemporaryDir folder;
  RankProcesses ranks("of another world", 2, {"file://" + folder.filePath("meet")});
  int refused = 0;
  for (int rank = 0; rank < 2; ++rank) refused += ranks.output(rank).contains("another said");
  QCOMPARE(refused, 1);
}

void TestInitProcessGroup::hasOneDefaultGroup() {
  const QTemporaryDir folder;
  const std::string method = "file://" + folder.filePath("meet").toStdString();
  QVERIFY(!is_initialized());
  QVERIFY(error_of([] { default_group(); }).find("init_process_group") != std::string::npos);
  QVERIFY(error_of([] { default_store(); }).find("init_process_group") != std::string::npos);
  const std::shared_ptr<ProcessGroup> group = init_process_group(options_for(method, 0, 1));
  QVERIFY(is_initialized());
  QVERIFY(default_group() == group);
  default_store()->set("a", "b");
  QVERIFY(!error_of([&] { init_process_group(options_for(method, 0, 1)); }).empty());
  QVERIFY(default_group() == group);
  destroy_process_group();
  QVERIFY(!is_initialized());
  destroy_process_group();  // of none: nothing
}

namespace {

void use_group() {
  const std::shared_ptr<ProcessGroup> group = default_group();
  const Tensor x = full({3}, 1.0);
  group->all_reduce(x)->wait();
  NW_CHECK(x.data<float>()[2] == static_cast<float>(group->size()), "wrong sum");
  group->barrier()->wait();
}

void play_role(const std::string& role, const std::string& argument) {
  const int rank = qEnvironmentVariableIntValue("RANK");
  const int size = qEnvironmentVariableIntValue("WORLD_SIZE");
  const auto meet = [&](const InitOptions& options) {
    init_process_group(options);
    use_group();
  };
  const bool is_env = argument.starts_with("env");
  const InitOptions usual = options_for(argument, is_env ? -1 : rank, is_env ? -1 : size);
  if (role == "meet" && argument.find("RANK") != argument.npos) {
    QString method = QString::fromStdString(argument);
    meet(options_for(method.replace("RANK", QString::number(rank)).toStdString()));
  } else if (role == "meet") {
    meet(usual);
  } else if (role == "meet thrice") {
    for (int i = 0; i < 3; ++i) {
      meet(usual);
      destroy_process_group();
    }
  } else if (role == "meet and stay") {
    meet(usual);
    puts("stays");
    fflush(stdout);
    pause();
  } else if (role == "meet two of three") {
    meet(options_for(argument, rank, 3));
  } else if (role == "meet at a store") {
    InitOptions options = options_for("env://", rank, size);
    options.store =
        std::make_shared<TcpStore>("127.0.0.1", std::stoi(argument), false, patient(60s));
    meet(options);
  } else if (role == "forget") {
    qunsetenv(argument.c_str());
    meet(options_for("env://"));
  } else if (role == "as rank 1" || role == "of another world") {
    const bool same = role == "as rank 1";
    InitOptions options = options_for(argument, same ? 1 : rank, same ? 3 : 3 + rank);
    options.timeout = patient(3s);
    meet(options);
  }
  if (is_initialized()) NW_CHECK(default_group()->rank() == rank, "wrong rank");
  destroy_process_group();
  printf("rank %d of %d is fine\n", rank, size);
}

int play_rank(const QStringList& arguments) {
  try {
    play_role(arguments.at(0).toStdString(), arguments.at(1).toStdString());
  } catch (const Error& error) {
    puts(error.what());
    return 3;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const QCoreApplication application(argc, argv);
  const QStringList arguments = QCoreApplication::arguments();
  if (arguments.value(1) == "--role") return play_rank(arguments.mid(2));
  TestInitProcessGroup test;
  return QTest::qExec(&test, argc, argv);
}

#include "test_init_process_group.moc"
