#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <thread>

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "core/backend/fallback.h"
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/warning.h"
#include "core/codegen/drawing.h"
#include "core/ops/index.h"
#include "tests/core/train/runs.h"
#include "tests/simulator/load_gpus.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"

using namespace nw;
using namespace nw::test;

namespace {

const Device kGpu{DeviceType::Cuda, 0};
const Device kOther{DeviceType::Cuda, 1};
constexpr uint64_t kMemory = uint64_t{96} << 20;

Backend& gpus() {
  return backend_of(kGpu);
}

/// An IDX file of `sizes` with bytes that repeat in no pattern of the images.
void write_idx(const QString& path, const QList<int>& sizes, int most) {
  QByteArray bytes("\0\0\x08", 3);
  bytes.append(static_cast<char>(sizes.size()));
  int count = 1;
  for (const int size : sizes) {
    count *= size;
    for (const int shift : {24, 16, 8, 0}) bytes.append(static_cast<char>(size >> shift));
  }
  uint32_t state = 1;
  for (int i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    bytes.append(static_cast<char>(static_cast<int>(state >> 24) % most));
  }
  QFile file(path);
  QVERIFY(file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size());
}

struct Trained {
  Story story;
  nn::StateDict state;
};
Trained train_on(const std::string& device, graph::Project project, bool recorded = true) {
  qputenv("NETWRIGHT_CUDA_GRAPHS", recorded ? "1" : "0");
  project.run.device = device;
  Trained trained;
  trained.story = run(std::move(project), {}, &trained.state);
  return trained;
}

void expect_same_bits(const Trained& a, const Trained& b) {
  QCOMPARE(a.story.end().text, b.story.end().text);
  QCOMPARE(a.story.losses(), b.story.losses());
  QCOMPARE(a.state.entries.size(), b.state.entries.size());
  for (size_t i = 0; i < a.state.entries.size(); ++i) {
    const auto& [ours, others] = std::pair(a.state.entries[i], b.state.entries[i]);
    const std::string problem = bit_difference(ours.tensor, others.tensor, ours.key);
    QVERIFY2(problem.empty(), problem.c_str());
  }
}

void expect_near(const Trained& gpu, const Trained& cpu) {
  QCOMPARE(QString::fromStdString(cpu.story.end().text), QString());
  QCOMPARE(QString::fromStdString(gpu.story.end().text), QString());
  const std::vector<double> a = gpu.story.losses();
  const std::vector<double> b = cpu.story.losses();
  QCOMPARE(a.size(), b.size());
  QVERIFY(a.size() > 10);
  for (size_t i = 0; i < a.size(); ++i) {
    QVERIFY2(std::abs(a[i] - b[i]) <= 1e-4 * (1 + std::abs(b[i])),
             qPrintable(QString("step %1: %2 and %3").arg(i + 1).arg(a[i]).arg(b[i])));
  }
  QVERIFY(std::abs(*gpu.story.end().test_loss - *cpu.story.end().test_loss) < 1e-3);
}

}  // namespace

/// The CUDA plugin as it ships, but for the device: whole runs, and what goes wrong in them. Each
/// queue is worked off as late, and each pair of streams in as wild an order, as a GPU may.
class TestSimulatedDevice : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;
  QStringList warnings_;

  graph::Project project_of(const QString& model, const QString& data) {
    graph::Project project = spirals();
    project.graph = codegen::to_graph(codegen::parse_model(model.toStdString()));
    project.run.epochs = 1;
    if (data != "images") return project;
    const auto path = [&](const char* name) { return folder_.filePath(name).toStdString(); };
    project.run.data = {"IDX", {{"classes", 4}}};
    for (const char* part : {"train", "test"}) {
      for (const char* what : {"images", "labels"}) {
        const std::string name = std::string(part) + "_" + what;
        project.run.data.args.set(name, path(name.c_str()));
      }
    }
    project.run.batch_size = 6;
    return project;
  }

 private slots:
  void initTestCase() {
    set_warning_handler(
        [this](const std::string& text) { warnings_.append(QString::fromStdString(text)); });
    QCOMPARE(load_simulated_gpus("devices=2,memory=" +
                                 QByteArray::number(static_cast<quint64>(kMemory))),
             std::string());
    QCOMPARE(gpus().device_count(), 2);
    for (const char* part : {"train", "test"}) {
      const QString start = folder_.filePath(part);
      write_idx(start + "_images", {96, 16, 16}, 256);
      write_idx(start + "_labels", {96}, 4);
    }
  }

  void trains_as_on_the_cpu_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("data");
    QTest::addColumn<QString>("optimizer");
    QTest::newRow("layers") << "nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), "
                               "nn.Linear(16, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 2))"
                            << "points"
                            << "AdamW";
    QTest::newRow("LeNet") << "nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), "
                              "nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), "
                              "nn.AvgPool2d(2), nn.Flatten(), nn.Linear(54, 10), nn.ReLU(), "
                              "nn.Linear(10, 4))"
                           << "images"
                           << "SGD";
  }
  void trains_as_on_the_cpu() {
    QFETCH(QString, model);
    QFETCH(QString, data);
    QFETCH(QString, optimizer);
    graph::Project project = project_of(model, data);
    project.run.optimizer = {optimizer.toStdString(), {}};
    if (optimizer == "SGD") project.run.optimizer.args.set("lr", 0.05);
    project.run.clip_norm = 1.0;
    const Trained cpu = train_on("cpu", project);
    const Trained one_by_one = train_on("cuda:0", project, false);
    const Trained recorded = train_on("cuda:0", project);
    expect_near(one_by_one, cpu);
    expect_same_bits(recorded, one_by_one);
    expect_same_bits(train_on("cuda:1", project), one_by_one);
  }

  void random_numbers_are_the_same_recorded_or_not() {
    const graph::Project project = project_of(
        "nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Dropout(0.3), nn.Linear(24, 2))", "points");
    const Trained recorded = train_on("cuda:0", project);
    QCOMPARE(recorded.story.end().outcome, train::Outcome::Completed);
    expect_same_bits(train_on("cuda:0", project, false), recorded);
    expect_same_bits(train_on("cuda:0", project), recorded);
  }

  void recorded_steps_keep_their_memory() {
    graph::Project project =
        project_of("nn.Sequential(nn.Linear(2, 12000), nn.Tanh(), nn.Linear(12000, 2))", "points");
    const Trained expected = train_on("cuda:0", project);
    project.run.device = "cuda:0";
    Trained trained;
    const auto give_back = [](train::Trainer&, const train::Event& event) {
      if (std::holds_alternative<train::StepDone>(event)) gpus().empty_cache(kGpu);
    };
    trained.story = run(project, give_back, &trained.state);
    expect_same_bits(trained, expected);
  }

  void several_threads_train_at_once() {
    const graph::Project project =
        project_of("nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))", "points");
    const Trained alone = train_on("cuda:0", project);
    std::vector<Trained> together(3);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < together.size(); ++i) {
      threads.emplace_back(
          [&, i] { together[i] = train_on(i == 2 ? "cuda:1" : "cuda:0", project); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const Trained& one : together) expect_same_bits(one, alone);
  }

  void numbers_go_between_devices() {
    Generator generator(test_seed());
    for (int round = 0; round < 40; ++round) {
      const auto count = static_cast<int64_t>(generator.random32() % 5000 + 1);
      const Tensor x = empty({count}, DType::Float32, kCpu);
      kernels_of(x).uniform(generator, -1, 1, x);
      Tensor y = raw::to(x, kGpu);
      for (int hop = 0; hop < 4; ++hop) {
        const Device left = y.device();
        const Tensor there = raw::to(y, hop % 2 == 0 ? kOther : kGpu);
        y = {};
        const Tensor reused = zeros({count}, DType::Float32, left);  // where it lay
        y = empty({count}, DType::Float32, there.device());
        kernels_of(y).affine(there, 2, 1, y);
      }
      const Tensor back = raw::to(y, kCpu);
      for (int64_t i = 0; i < count; ++i) {
        const float expected = 2 * (2 * (2 * (2 * x.data<float>()[i] + 1) + 1) + 1) + 1;
        QCOMPARE(back.data<float>()[i], expected);
      }
    }
  }

  void memory_is_counted_and_given_back() {
    gpus().empty_cache(kGpu);
    const MemoryUse before = gpus().memory(kGpu);
    QCOMPARE(before.total, kMemory);
    gpus().reset_peak(kGpu);
    {
      const Tensor x = zeros({1 << 20}, DType::Float32, kGpu);
      const MemoryUse with = gpus().memory(kGpu);
      QCOMPARE(with.allocated - before.allocated, uint64_t{4} << 20);
      QVERIFY(with.reserved >= with.allocated && with.free < before.free);
    }
    MemoryUse after = gpus().memory(kGpu);
    QCOMPARE(after.allocated, before.allocated);
    QCOMPARE(after.peak - before.allocated, uint64_t{4} << 20);
    gpus().empty_cache(kGpu);
    after = gpus().memory(kGpu);
    QCOMPARE(after.free, before.free);
    QCOMPARE(after.reserved, before.reserved);
  }

  void says_how_much_memory_it_needs_and_the_next_run_works() {
    const QString model = "nn.Sequential(nn.Linear(2, 60000), nn.Tanh(), nn.Linear(60000, 2))";
    graph::Project large = project_of(model, "points");
    large.run.batch_size = 512;
    const Trained failed = train_on("cuda:0", large);
    const QString text = QString::fromStdString(failed.story.end().text);
    QCOMPARE(failed.story.end().outcome, train::Outcome::Failed);
    QVERIFY2(text.contains("bytes") && text.contains("are needed") && text.contains("are free"),
             qPrintable(text));
    const QRegularExpression named("the largest batch_size that fits is about (\\d+)$");
    const int fits = named.match(text).captured(1).toInt();
    QVERIFY2(fits >= 1 && fits < 512, qPrintable(text));
    graph::Project small = project_of("nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 2))", "points");
    QCOMPARE(train_on("cuda:0", small).story.end().outcome, train::Outcome::Completed);
  }

  void what_only_numbers_tell_comes_at_the_next_wait() {
    const Tensor table = zeros({4, 3}, DType::Float32, kGpu);
    const Tensor rows = raw::to(tensor_of<int64_t>(std::vector<int64_t>{1, 9}, {2}), kGpu);
    const Tensor out = ops::index_select(table, 0, rows);  // is queued only
    std::string text;
    try {
      gpus().synchronize(kGpu);
    } catch (const Error& error) {
      text = error.text();
    }
    QCOMPARE(text, std::string("[index_select] index 9 is outside 0 … 3"));
    gpus().synchronize(kGpu);  // is said once
  }
};

QTEST_GUILESS_MAIN(TestSimulatedDevice)
#include "test_simulated_device.moc"
