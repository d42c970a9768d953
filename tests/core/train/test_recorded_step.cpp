#include <QtTest>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/codegen/drawing.h"
#include "core/nn/containers.h"
#include "core/nn/layers/linear.h"
#include "core/ops/arithmetic.h"
#include "core/ops/loss.h"
#include "core/train/recorded_step.h"
#include "tests/core/train/runs.h"
#include "tests/support/compare.h"
#include "tests/support/recording_device.h"

using namespace nw;
using namespace nw::test;
using train::RecordedStep;
using train::StepFigures;

namespace {

constexpr const char* kGpu = "cuda:0";

graph::Project on_device(const std::string& model) {
  graph::Project project = spirals();
  project.graph = codegen::to_graph(codegen::parse_model(model));
  project.run.device = kGpu;
  project.run.epochs = 2;
  return project;
}

/// A linear layer on the device that learns to give 0, and its steps.
struct Fixture {
  Device device = device_from_string(kGpu);
  nn::Linear layer{{.in_features = 3, .out_features = 2}};
  RecordedStep step;
  int forwards = 0;  // that the host went through
  bool looks = false;

  Fixture()
      : step(
            layer, device,
            [this](const Tensor& x, const Tensor& y) {
              ++forwards;
              const Tensor loss = ops::mse_loss(layer.call({x})[0], y);
              if (looks) loss.item();
              return StepFigures{loss, {}};
            },
            [](const Tensor& loss) { autograd::backward(loss); }) {
    layer.to(device);
  }

  Tensor numbers(const Dims& sizes) {
    const Tensor out = empty(sizes, DType::Float32, kCpu);
    kernels_of(out).normal(generator, 0, 1, out);
    return raw::to(out, device);
  }
  /// One step; its loss, and the gradients as they then are.
  double run(int64_t rows) {
    for (const Tensor& param : layer.parameters()) param.set_grad({});
    const StepFigures figures = step.forward(numbers({rows, 3}), numbers({rows, 2}));
    const double loss = figures.loss.item();
    step.backward();
    return loss;
  }
  void warm_up() {
    for (int i = 0; i < RecordedStep::kWarmUps; ++i) run(4);
    QCOMPARE(step.replays(), int64_t{0});
    run(4);
    QCOMPARE(step.replays(), int64_t{1});
  }

  Generator generator{7};
};

}  // namespace

/// Steps that are recorded and replayed, on a stand-in for a GPU.
class TestRecordedStep : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { recording_device(); }
  void init() { set_can_record(true); }

  void trains_as_without_recording_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("optimizer");
    QTest::addColumn<QString>("precision");
    const QString plain = "nn.Sequential(nn.Linear(2, 12), nn.Tanh(), nn.Linear(12, 2))";
    const QString all =
        "nn.Sequential(nn.Linear(2, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), "
        "nn.Linear(12, 2))";
    QTest::newRow("SGD") << plain << "SGD"
                         << "float32";
    QTest::newRow("dropout and statistics") << all << "Adam"
                                            << "float32";
    QTest::newRow("LBFGS") << plain << "LBFGS"
                           << "float32";
    QTest::newRow("bfloat16") << all << "AdamW"
                              << "bfloat16";
    QTest::newRow("float16") << all << "SGD"
                             << "float16";
  }

  void trains_as_without_recording() {
    QFETCH(QString, model);
    QFETCH(QString, optimizer);
    QFETCH(QString, precision);
    graph::Project project = on_device(model.toStdString());
    project.run.optimizer = {optimizer.toStdString(), {}};
    if (optimizer == "SGD") project.run.optimizer.args.set("lr", 0.05);
    if (optimizer == "LBFGS") project.run.optimizer.args.set("lr", 0.01);
    project.run.precision = precision.toStdString();
    project.run.clip_norm = 1.0;
    project.run.batch_size = 50;  // of 640: the last one is smaller
    set_can_record(false);
    nn::StateDict plain;
    const Story expected = run(project, {}, &plain);
    QCOMPARE(expected.end().text, std::string());
    set_can_record(true);
    const int64_t before = recordings_replayed();
    nn::StateDict recorded;
    const Story story = run(project, {}, &recorded);
    QCOMPARE(story.end().text, std::string());
    QCOMPARE(story.losses(), expected.losses());
    // Forward and backward of all full batches but the first three, of two epochs.
    QVERIFY(recordings_replayed() - before >= 2 * (2 * 12 - RecordedStep::kWarmUps));
    for (size_t i = 0; i < plain.entries.size(); ++i) {
      const std::string problem =
          bit_difference(recorded.entries[i].tensor, plain.entries[i].tensor, plain.entries[i].key);
      QVERIFY2(problem.empty(), problem.c_str());
    }
  }

  void replays_without_the_host() {
    Fixture f;
    f.warm_up();
    const int forwards = f.forwards;
    for (int i = 0; i < 5; ++i) f.run(4);
    QCOMPARE(f.forwards, forwards);
    QCOMPARE(f.step.replays(), int64_t{6});
  }

  void another_batch_size_is_done_step_by_step() {
    Fixture f;
    f.warm_up();
    const int64_t made = recordings_made();
    f.run(2);  // the last batch of an epoch
    QCOMPARE(f.step.replays(), int64_t{1});
    f.run(4);
    QCOMPARE(f.step.replays(), int64_t{2});
    QCOMPARE(recordings_made(), made);
  }

  void other_parameters_are_recorded_anew() {
    Fixture f;
    f.warm_up();
    const Tensor weight = f.layer.parameters()[0];
    weight.set_data(ops::mul(weight.detach(), 0.0));
    const Tensor bias = f.layer.parameters()[1];
    raw::fill_(bias, 0);
    for (const Tensor& param : f.layer.parameters()) param.set_grad({});
    const Tensor y = f.numbers({4, 2});
    const double expected = ops::mse_loss(zeros({4, 2}, DType::Float32, f.device), y).item();
    QCOMPARE(f.step.forward(f.numbers({4, 3}), y).loss.item(), expected);
    f.step.backward();
    QCOMPARE(f.step.replays(), int64_t{1});
    for (int i = 0; i < RecordedStep::kWarmUps; ++i) f.run(4);
    QCOMPARE(f.step.replays(), int64_t{2});
  }

  void a_frozen_parameter_is_recorded_anew() {
    Fixture f;
    f.warm_up();
    f.layer.parameters()[0].set_requires_grad(false);
    f.run(4);
    QVERIFY(!f.layer.parameters()[0].grad().defined());
    QVERIFY(f.layer.parameters()[1].grad().defined());
    QCOMPARE(f.step.replays(), int64_t{1});
  }

  void another_mode_is_not_replayed() {
    Fixture f;
    f.warm_up();
    f.layer.eval();
    f.run(4);
    QCOMPARE(f.step.replays(), int64_t{1});
  }

  void numbers_on_the_host_cannot_be_recorded() {
    Fixture f;
    f.looks = true;
    for (int i = 0; i < 2 * RecordedStep::kWarmUps; ++i) f.run(4);
    QCOMPARE(f.step.replays(), int64_t{0});
    QVERIFY2(f.step.refusal().find("numbers on the host") != std::string::npos,
             f.step.refusal().c_str());
  }

  void a_device_that_cannot_record_is_left_alone() {
    set_can_record(false);
    Fixture f;
    for (int i = 0; i < 2 * RecordedStep::kWarmUps; ++i) f.run(4);
    QCOMPARE(f.step.replays(), int64_t{0});
    QVERIFY(!f.step.refusal().empty());
  }
};

QTEST_GUILESS_MAIN(TestRecordedStep)
#include "test_recorded_step.moc"
