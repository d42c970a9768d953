#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>
#include <cstdio>
#include <memory>

#include "core/base/parallel.h"
#include "core/dist/distributed.h"
#include "core/dist/init.h"
#include "core/optim/optimizer.h"
#include "tests/core/dist/nets.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kSteps = 100;
constexpr int64_t kRowsOfRank = 4;

/// A net of several buckets: its inner layer alone has more than a MiB.
std::shared_ptr<nn::Sequential> net_with_seed(uint64_t seed) {
  return net_of(
      {"nn.Linear(4, 520)", "nn.Tanh()", "nn.Linear(520, 520)", "nn.Tanh()", "nn.Linear(520, 3)"},
      seed);
}

void train(nn::Module& module, const std::vector<int64_t>& share) {
  const auto optimizer =
      optim::make_optimizer("SGD", module.parameters(), {{"lr", 0.02}, {"momentum", 0.9}});
  for (int step = 0; step < kSteps; ++step) {
    optimizer->zero_grad();
    autograd::backward(loss_of(module(rows(step, share))));
    optimizer->step();
  }
}

/// What a process of this program does that stands for one rank: writes its weights to a file.
int be_rank(int rank, int ranks, const std::string& folder) {
  try {
    set_num_threads(1);
    dist::InitOptions options;
    options.init_method = "file://" + folder + "/meeting";
    options.rank = rank;
    options.world_size = ranks;
    options.timeout = std::chrono::seconds(120);
    const auto group = dist::init_process_group(options);
    const auto net = net_with_seed(static_cast<uint64_t>(rank + 1));
    dist::DistributedDataParallel ddp(net, {.process_group = group});
    train(ddp, share_of(kRowsOfRank * ranks, rank, ranks));
    const std::vector<float> weights = weights_of(*net);
    FILE* file = std::fopen(concat(folder, "/rank-", rank).c_str(), "wb");
    NW_CHECK(file != nullptr, "no file");
    std::fwrite(weights.data(), sizeof(float), weights.size(), file);
    std::fclose(file);
    group->barrier()->wait();
    dist::destroy_process_group();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rank %d: %s\n", rank, error.what());
    return 1;
  }
}

}  // namespace

/// DistributedDataParallel in processes of their own, which exchange by Gloo.
class TestDistributedProcesses : public QObject {
  Q_OBJECT

 private slots:
  void processesEqualOneOnTheJoinedBatch_data() {
    QTest::addColumn<int>("ranks");
    for (int ranks = 1; ranks <= 8; ++ranks) QTest::addRow("%d", ranks) << ranks;
  }

  void processesEqualOneOnTheJoinedBatch() {
    QFETCH(int, ranks);
    const QTemporaryDir folder;
    std::vector<std::unique_ptr<QProcess>> processes;
    for (int rank = 0; rank < ranks; ++rank) {
      processes.push_back(std::make_unique<QProcess>());
      processes.back()->start(
          QCoreApplication::applicationFilePath(),
          {"--rank", QString::number(rank), QString::number(ranks), folder.path()});
    }
    const auto alone = net_with_seed(1);
    train(*alone, share_of(kRowsOfRank * ranks, 0, 1));
    QByteArray first;
    for (int rank = 0; rank < ranks; ++rank) {
      QProcess& process = *processes[static_cast<size_t>(rank)];
      QVERIFY(process.waitForFinished(300000));
      QVERIFY2(process.exitCode() == 0, process.readAllStandardError().constData());
      QFile file(folder.filePath(QString("rank-%1").arg(rank)));
      QVERIFY(file.open(QIODevice::ReadOnly));
      const QByteArray bytes = file.readAll();
      if (rank == 0) first = bytes;
      QVERIFY(bytes == first);  // bit for bit
    }
    const auto* numbers = reinterpret_cast<const float*>(first.constData());
    const double apart =
        distance({numbers, numbers + first.size() / qsizetype(sizeof(float))}, weights_of(*alone));
    qInfo("%d processes, %d steps: largest difference %.2g", ranks, kSteps, apart);
    QVERIFY(apart < 1e-4);
    QVERIFY(distance(weights_of(*alone), weights_of(*net_with_seed(1))) > 0.02);
  }
};

int main(int argc, char** argv) {
  if (argc == 5 && std::string_view(argv[1]) == "--rank") {
    return be_rank(std::atoi(argv[2]), std::atoi(argv[3]), argv[4]);
  }
  QCoreApplication application(argc, argv);
  TestDistributedProcesses test;
  return QTest::qExec(&test, argc, argv);
}
#include "test_distributed_processes.moc"
