#include <QTemporaryDir>
#include <QtTest>
#include <cmath>

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/base/warning.h"
#include "core/codegen/drawing.h"
#include "core/optim/optimizer.h"
#include "core/train/checkpoint.h"
#include "core/train/evaluate.h"
#include "tests/core/train/halves.h"
#include "tests/core/train/runs.h"
#include "tests/support/compare.h"
#include "tests/support/fake_device.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr const char* kGpu = "cuda:1";

/// All that a step may touch: statistics, dropout, an average of the weights, clipping. No bias
/// before the norm: its gradient is nothing but rounding, which some optimisers blow up.
graph::Project net() {
  graph::Project project = spirals();
  project.graph = codegen::to_graph(codegen::parse_model(
      "nn.Sequential(nn.Linear(2, 12, bias=False), nn.BatchNorm1d(12), nn.ReLU(), "
      "nn.Dropout(0.2), "
      "nn.Linear(12, 2))"));
  project.run.epochs = 2;
  return project;
}

graph::Project on(const std::string& device, graph::Project project) {
  project.run.device = device;
  return project;
}

/// The CPU's loss is one kernel, the device's is made of several: sums are rounded elsewhere.
void expect_same(const Story& gpu, const Story& cpu, double tolerance) {
  QCOMPARE(gpu.end().text, cpu.end().text);
  QCOMPARE(gpu.end().step, cpu.end().step);
  const std::vector<double> a = gpu.losses();
  const std::vector<double> b = cpu.losses();
  QCOMPARE(a.size(), b.size());
  QVERIFY(!a.empty());
  for (size_t i = 0; i < a.size(); ++i) {
    QVERIFY2(std::abs(a[i] - b[i]) <= tolerance * (1 + std::abs(b[i])),
             qPrintable(QString("step %1: %2 and %3").arg(i + 1).arg(a[i]).arg(b[i])));
  }
  QVERIFY(std::abs(*gpu.end().test_loss - *cpu.end().test_loss) < 10 * tolerance);
  QVERIFY(std::abs(*gpu.end().test_accuracy - *cpu.end().test_accuracy) < 0.02);
}

}  // namespace

/// Whole runs on a device whose memory the host cannot touch.
class TestTrainerOnDevice : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    set_warning_handler([](const std::string&) {});
    fake_gpus();
  }
  void cleanup() { set_fake_memory(uint64_t{1} << 35); }

  void trains_as_on_the_cpu_data() {
    QTest::addColumn<QString>("optimizer");
    for (const optim::OptimizerSpec& spec : optim::optimizers().all()) {
      QTest::newRow(spec.id.c_str()) << QString::fromStdString(spec.id);
    }
  }

  void trains_as_on_the_cpu() {
    QFETCH(QString, optimizer);
    graph::Project project = net();
    project.run.optimizer = {optimizer.toStdString(), {}};
    project.run.clip_norm = 1.0;
    project.run.ema_decay = 0.9;
    if (optimizer == "SGD") project.run.optimizer.args.set("lr", 0.05);
    if (optimizer == "LBFGS") project.run.optimizer.args.set("lr", 0.01);
    // Its differences of gradients let roundings grow.
    const double tolerance = optimizer == "LBFGS" ? 0.02 : 1e-4;
    expect_same(run(on(kGpu, project)), run(on("cpu", project)), tolerance);
  }

  void goes_on_from_its_checkpoint() { expect_halves_make_the_whole(on(kGpu, net())); }

  void a_gpu_s_random_numbers_go_on_from_a_checkpoint() {
    QTemporaryDir folder;
    const std::string path = folder.filePath("drawn.ckpt").toStdString();
    std::optional<train::Checkpoint> taken;
    run(on("cpu", net()), [&](train::Trainer& trainer, const train::Event& event) {
      if (std::holds_alternative<train::EpochDone>(event)) taken = trainer.checkpoint();
    });
    taken->generator.philox(10);
    train::save_checkpoint(*taken, path);
    const train::Checkpoint read = train::load_checkpoint(path);
    QCOMPARE(read.generator.philox_offset(), uint64_t{12});
    QCOMPARE(read.epoch_generator.philox_offset(), uint64_t{0});
    QVERIFY(read.generator == taken->generator);
  }

  void says_how_much_memory_it_needs_and_the_next_run_works() {
    const uint64_t used = backend_of({DeviceType::Cuda, 0}).memory({DeviceType::Cuda, 0}).allocated;
    set_fake_memory(used + 60'000);
    graph::Project large = net();
    large.run.batch_size = 512;
    large.run.epochs = 1;
    const Story failed = run(on(kGpu, large));
    const QString text = QString::fromStdString(failed.end().text);
    QCOMPARE(failed.end().outcome, train::Outcome::Failed);
    QVERIFY2(text.contains("bytes are needed") && text.contains("are free"), qPrintable(text));
    // What is named fits, and twice as much would not.
    const QRegularExpression named("the largest batch_size that fits is about (\\d+)$");
    const int fits = named.match(text).captured(1).toInt();
    QVERIFY2(fits >= 1 && fits < 512, qPrintable(text));
    graph::Project smaller = on(kGpu, large);
    smaller.run.batch_size = fits;
    QCOMPARE(run(smaller).end().outcome, train::Outcome::Completed);
    smaller.run.batch_size = 2 * fits;
    QCOMPARE(run(smaller).end().outcome, train::Outcome::Failed);
    set_fake_memory(uint64_t{1} << 35);
    QCOMPARE(run(on(kGpu, net())).end().outcome, train::Outcome::Completed);
    QCOMPARE(backend_of({DeviceType::Cuda, 0}).memory({DeviceType::Cuda, 0}).allocated, used);
  }

  void a_device_that_is_not_there_is_refused() {
    const Story story = run(on("cuda:7", net()));
    QCOMPARE(story.end().outcome, train::Outcome::Failed);
    QVERIFY(QString::fromStdString(story.end().text).contains("cuda:7"));
  }
};

QTEST_GUILESS_MAIN(TestTrainerOnDevice)
#include "test_trainer_on_device.moc"
