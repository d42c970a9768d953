#include <QtTest>

#include "core/autograd/engine.h"
#include "core/autograd/hooks.h"
#include "core/backend/creation.h"
#include "core/backend/math_mode.h"
#include "core/base/random.h"
#include "core/codegen/drawing.h"
#include "core/nn/containers.h"
#include "core/nn/layers/linear.h"
#include "core/ops/arithmetic.h"
#include "core/ops/loss.h"
#include "core/optim/recordable_step.h"
#include "core/train/recorded_step.h"
#include "tests/core/train/runs.h"
#include "tests/support/compare.h"
#include "tests/support/recording_device.h"

using namespace nw;
using namespace nw::test;
using train::RecordedStep;
using train::StepFigures;
using train::StepWork;

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
  std::unique_ptr<optim::Optimizer> optimizer;
  std::unique_ptr<optim::RecordableStep> rule;
  int forwards = 0;  // that the host went through
  int updates = 0;
  int64_t setting = 0;
  bool looks = false;         // forward wants a number on the host
  bool update_looks = false;  // and so does the update
  std::optional<RecordedStep> step;

  explicit Fixture(const char* id = "SGD") {
    layer.to(device);
    optimizer = optim::make_optimizer(id, layer.parameters(), {{"lr", 0.01}});
    rule = std::make_unique<optim::RecordableStep>(*optimizer);
    step.emplace(layer, device, work());
  }
  StepWork work() {
    StepWork work;
    work.forward = [this](const Tensor& x, const Tensor& y) {
      ++forwards;
      const Tensor loss = ops::mse_loss(layer.call({x})[0], y);
      if (looks) loss.item();
      return StepFigures{loss, {}};
    };
    work.backward = [](const Tensor& loss) { autograd::backward(loss); };
    work.update.run = [this] {
      ++updates;
      optimizer->step();
    };
    work.update.prepare = [this] { return rule->prepare(); };
    work.update.queue = [this] {
      ++updates;
      if (update_looks) layer.parameters()[0].grad().as_strided({}, {}, 0).item();
      rule->queue({});
    };
    work.update.finish = [] {};
    work.setting = [this] { return setting; };
    return work;
  }

  Tensor numbers(const Dims& sizes) {
    const Tensor out = empty(sizes, DType::Float32, kCpu);
    kernels_of(out).normal(generator, 0, 1, out);
    return raw::to(out, device);
  }
  /// One step; its loss, and the gradients as they then are.
  double run(int64_t rows) {
    for (const Tensor& param : layer.parameters()) param.set_grad({});
    const StepFigures figures = step->forward(numbers({rows, 3}), numbers({rows, 2}), rows);
    const double loss = figures.loss.item();
    step->backward();
    step->update();
    return loss;
  }
  void warm_up() {
    for (int i = 0; i < RecordedStep::kWarmUps; ++i) run(4);
    QCOMPARE(step->replays(), int64_t{0});
    run(4);
    QCOMPARE(step->replays(), int64_t{1});
  }
  /// A step that is not replayed, and the next ones are after the warm-up.
  void expect_anew() {
    const int64_t before = step->replays();
    run(4);
    QCOMPARE(step->replays(), before);
    for (int i = 0; i < RecordedStep::kWarmUps; ++i) run(4);
    QCOMPARE(step->replays(), before + 1);
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
    QTest::addColumn<QString>("optimizer");
    QTest::addColumn<QString>("precision");
    QTest::addColumn<QString>("scheduler");
    for (const optim::OptimizerSpec& spec : optim::optimizers().all()) {
      int row = 0;
      for (const char* scheduler : {"", "StepLR", "OneCycleLR", "CosineAnnealingWarmRestarts"}) {
        const char* precision = std::array{"float32", "bfloat16", "float16"}[row++ % 3];
        if (spec.needs_closure && row > 2) break;  // the momentum that it has not, and no scaler
        QTest::addRow("%s %s %s", spec.id.c_str(), precision, scheduler)
            << QString::fromStdString(spec.id) << precision << scheduler;
      }
    }
  }

  /// Dropout, statistics of a norm, clipping of both kinds, an average of the weights.
  void trains_as_without_recording() {
    QFETCH(QString, optimizer);
    QFETCH(QString, precision);
    QFETCH(QString, scheduler);
    graph::Project project = on_device(
        "nn.Sequential(nn.Linear(2, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), "
        "nn.Linear(12, 2))");
    project.run.optimizer = {optimizer.toStdString(), {}};
    if (optimizer == "SGD") project.run.optimizer.args = {{"lr", 0.05}, {"momentum", 0.9}};
    if (optimizer == "LBFGS") project.run.optimizer.args.set("lr", 0.01);
    project.run.precision = precision.toStdString();
    if (!scheduler.isEmpty()) project.run.schedulers = {{scheduler.toStdString(), {}}};
    if (scheduler == "StepLR") project.run.schedulers[0].args.set("step_size", int64_t{1});
    if (scheduler == "OneCycleLR") {
      project.run.schedulers[0].args.set("max_lr", 0.02);
      const nn::Args options =
          optim::optimizers().find(optimizer.toStdString())->complete(project.run.optimizer.args);
      if (!options.has("momentum") && !options.has("beta1")) {
        project.run.schedulers[0].args.set("cycle_momentum", false);
      }
    }
    if (scheduler == "CosineAnnealingWarmRestarts") {
      project.run.schedulers[0].args.set("T_0", int64_t{1});
    }
    project.run.clip_norm = 1.0;
    project.run.clip_value = 0.2;
    project.run.ema_decay = 0.9;
    project.run.epochs = 3;
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
    // All full batches but the first three, of three epochs: forward and backward, and the update.
    const int parts = optimizer == "LBFGS" ? 2 : 3;
    QVERIFY(recordings_replayed() - before >= parts * (3 * 12 - RecordedStep::kWarmUps));
    const std::vector<train::EpochDone> epochs = story.all<train::EpochDone>();
    QVERIFY2(epochs[0].note.find("replayed") != std::string::npos, epochs[0].note.c_str());
    QCOMPARE(epochs[0].note.find("several points") != std::string::npos, optimizer == "LBFGS");
    QCOMPARE(epochs[1].note, std::string());
    for (size_t i = 0; i < plain.entries.size(); ++i) {
      const std::string problem =
          bit_difference(recorded.entries[i].tensor, plain.entries[i].tensor, plain.entries[i].key);
      QVERIFY2(problem.empty(), problem.c_str());
    }
  }

  /// Gradients of float16 that are too large at first, until the scale has come down, which takes
  /// longer than the warm-up; Adam's corrections count the steps that were not left out. A run goes
  /// on from a checkpoint that was made between replays.
  void a_replay_leaves_a_step_out() {
    graph::Project project =
        on_device("nn.Sequential(nn.Linear(2, 12), nn.ReLU(), nn.Dropout(0.1), nn.Linear(12, 2))");
    for (graph::Node& node : project.graph.nodes) {
      if (node.block == "CrossEntropyLoss") node.args.set("reduction", "sum");
    }
    project.run.optimizer = {"Adam", {{"lr", 0.01}}};
    project.run.precision = "float16";
    project.run.ema_decay = 0.9;
    project.run.batch_size = 640;
    project.run.epochs = 30;
    std::vector<train::Checkpoint> plain, recorded;
    const auto keep_in = [](std::vector<train::Checkpoint>& all) {
      return [&all](train::Trainer& trainer, const train::Event& event) {
        if (std::holds_alternative<train::StepDone>(event)) all.push_back(*trainer.checkpoint());
      };
    };
    set_can_record(false);
    const Story expected = run(project, keep_in(plain));
    set_can_record(true);
    const int64_t before = recordings_replayed();
    nn::StateDict weights;
    const Story story = run(project, keep_in(recorded), &weights);
    QCOMPARE(recordings_replayed() - before, 3 * (30 - int64_t{RecordedStep::kWarmUps}));
    QCOMPARE(story.losses(), expected.losses());
    QCOMPARE(recorded.size(), size_t{30});
    const auto scale_of = [](const train::Checkpoint& one) {
      return one.scaler.at("scale").number();
    };
    const auto steps_of = [](const train::Checkpoint& one) {
      const auto& state = one.optimizer.state;
      return state.empty() ? 0.0 : state[0].second.at("step").number();
    };
    for (size_t i = 0; i < recorded.size(); ++i) {
      QCOMPARE(scale_of(recorded[i]), scale_of(plain[i]));
      QCOMPARE(steps_of(recorded[i]), steps_of(plain[i]));
    }
    QVERIFY(steps_of(recorded[RecordedStep::kWarmUps]) == 0);  // the first replay was left out
    QVERIFY(steps_of(recorded.back()) > 10);
    for (const size_t at : {size_t{4}, size_t{12}}) {
      nn::StateDict resumed;
      train::Trainer trainer(
          project, [](const train::Event&) {}, recorded[at]);
      trainer.run();
      resumed = trainer.state_dict();
      for (size_t i = 0; i < weights.entries.size(); ++i) {
        const std::string problem = bit_difference(
            resumed.entries[i].tensor, weights.entries[i].tensor, weights.entries[i].key);
        QVERIFY2(problem.empty(), problem.c_str());
      }
    }
  }

  void replays_without_the_host() {
    Fixture f;
    f.warm_up();
    const int forwards = f.forwards;
    const int updates = f.updates;
    for (int i = 0; i < 5; ++i) f.run(4);
    QCOMPARE(f.forwards, forwards);
    QCOMPARE(f.updates, updates);
    QCOMPARE(f.step->replays(), int64_t{6});
    QCOMPARE(f.step->report(), std::string("Steps are recorded and replayed"));
  }

  void another_batch_size_is_done_step_by_step() {
    Fixture f;
    f.warm_up();
    const int64_t made = recordings_made();
    f.run(2);  // the last batch of an epoch
    QCOMPARE(f.step->replays(), int64_t{1});
    f.run(4);
    QCOMPARE(f.step->replays(), int64_t{2});
    QCOMPARE(recordings_made(), made);
  }

  void rates_and_other_options_act_on_replays() {
    Fixture f("AdamW");
    f.warm_up();
    const int64_t made = recordings_made();
    const Tensor weight = f.layer.parameters()[0];
    for (const auto& [name, value] :
         {std::pair{"lr", 0.0}, std::pair{"beta1", 0.0}, std::pair{"eps", 1.0}}) {
      f.optimizer->set_option(0, name, value);
      const Tensor before = raw::clone(weight.detach());
      f.run(4);
      const bool stays = bit_difference(weight.detach(), before, "weight").empty();
      QCOMPARE(stays, true);  // by a rate of 0
    }
    f.optimizer->set_learning_rate(0.1);
    f.optimizer->set_option(0, "weight_decay", 10.0);  // the weights become 0 at once
    const Tensor before = raw::clone(weight.detach());
    f.run(4);
    QVERIFY(!bit_difference(weight.detach(), before, "weight").empty());
    QVERIFY(std::abs(weight.detach().as_strided({}, {}, 0).item()) <= 0.1 + 1e-6);
    QCOMPARE(recordings_made(), made);
    QCOMPARE(f.step->replays(), int64_t{5});
  }

  void another_seed_acts_on_replays() {
    manual_seed(3);
    Fixture f;
    f.warm_up();
    manual_seed(4);
    f.run(4);
    QCOMPARE(f.step->replays(), int64_t{2});
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
    QCOMPARE(f.step->forward(f.numbers({4, 3}), y, 4).loss.item(), expected);
    f.step->backward();
    f.step->update();
    QCOMPARE(f.step->replays(), int64_t{1});
    for (int i = 0; i < RecordedStep::kWarmUps; ++i) f.run(4);
    QCOMPARE(f.step->replays(), int64_t{2});
  }

  void a_frozen_parameter_is_recorded_anew() {
    Fixture f;
    f.warm_up();
    f.layer.parameters()[0].set_requires_grad(false);
    f.run(4);
    QVERIFY(!f.layer.parameters()[0].grad().defined());
    QVERIFY(f.layer.parameters()[1].grad().defined());
    QCOMPARE(f.step->replays(), int64_t{1});
  }

  void other_parameters_in_the_optimizer_are_recorded_anew() {
    Fixture f;
    f.warm_up();
    const Tensor extra = full({2}, 1.0, DType::Float32, f.device).set_requires_grad();
    extra.set_grad(full({2}, 1.0, DType::Float32, f.device));
    f.optimizer->add_param_group({extra});
    const int64_t made = recordings_made();
    f.run(4);
    QCOMPARE(extra.as_strided({}, {}, 0).item(), double(1 - 0.01f));
    QCOMPARE(f.step->replays(), int64_t{2});
    QCOMPARE(recordings_made(), made + 1);  // the update alone
  }

  void another_mode_is_not_replayed() {
    Fixture f;
    f.warm_up();
    f.layer.eval();
    f.expect_anew();
  }

  void other_rules_of_arithmetic_are_recorded_anew() {
    Fixture f;
    f.warm_up();
    const AllowTf32 allowed(true);
    f.expect_anew();
    f.setting = 1;  // autocast, say
    f.expect_anew();
  }

  void hooks_run_each_time() {
    Fixture f;
    f.warm_up();
    int calls = 0;
    nn::HookHandle watch = f.layer.register_forward_hook(
        [&](nn::Module&, const Tensors&, const Tensors&) -> std::optional<Tensors> {
          ++calls;
          return {};
        });
    for (int i = 1; i <= 2 * RecordedStep::kWarmUps; ++i) {
      f.run(4);
      QCOMPARE(calls, i);
    }
    QCOMPARE(f.step->replays(), int64_t{1});
    watch.remove();
    f.run(4);
    QCOMPARE(f.step->replays(), int64_t{2});  // by the first recording
    int gradients = 0;
    autograd::TensorHookHandle looks =
        autograd::register_hook(f.layer.parameters()[0], [&](const Tensor&) {
          ++gradients;
          return Tensor();
        });
    for (int i = 1; i <= 2 * RecordedStep::kWarmUps; ++i) {
      f.run(4);
      QCOMPARE(gradients, i);
    }
    looks.remove();
    f.run(4);
    QCOMPARE(f.step->replays(), int64_t{3});
  }

  void numbers_on_the_host_cannot_be_recorded() {
    Fixture f;
    f.looks = true;
    for (int i = 0; i < 2 * RecordedStep::kWarmUps; ++i) f.run(4);
    QCOMPARE(f.step->replays(), int64_t{0});
    QVERIFY2(f.step->refusal().find("numbers on the host") != std::string::npos,
             f.step->refusal().c_str());
    QCOMPARE(f.step->report(), "Steps are not recorded: " + f.step->refusal());
  }

  /// Forward and backward are replayed, and the step that could not be recorded is done all the
  /// same.
  void an_update_that_cannot_be_recorded() {
    Fixture plain, f;
    for (size_t i = 0; i < 2; ++i) {
      raw::copy_(f.layer.parameters()[i].detach(), plain.layer.parameters()[i].detach());
    }
    plain.looks = true;
    f.update_looks = true;
    for (int i = 0; i < 2 * RecordedStep::kWarmUps; ++i) QCOMPARE(f.run(4), plain.run(4));
    QCOMPARE(f.step->replays(), int64_t{RecordedStep::kWarmUps});
    QVERIFY(f.step->update_refusal().find("numbers on the host") != std::string::npos);
    QVERIFY(f.step->report().find("updates of weights are not: ") != std::string::npos);
  }

  /// All ranks record in one step, or none does.
  void ranks_record_together() {
    Fixture f;
    bool others_ready = false;
    bool others_can = true;
    int asked = 0;
    StepWork work = f.work();
    work.all_ready = [&] { return others_ready && f.step->ready(); };
    work.all_could = [&](bool could) {
      ++asked;
      return could && others_can;
    };
    f.step.emplace(f.layer, f.device, work);
    for (int i = 0; i < 2 * RecordedStep::kWarmUps; ++i) f.run(4);
    QCOMPARE(f.step->replays(), int64_t{0});
    others_ready = true;
    f.run(2);  // a batch of which another rank may have nothing
    QCOMPARE(asked, 0);
    for (int i = 0; i < RecordedStep::kWarmUps; ++i) f.run(4);
    QCOMPARE(asked, 0);
    f.run(4);
    QCOMPARE(asked, 1);
    QCOMPARE(f.step->replays(), int64_t{1});
    f.layer.eval();  // what the other ranks cannot know of
    QVERIFY_THROWS_EXCEPTION(Error, f.run(4));

    Fixture g;
    StepWork second = g.work();
    int forgotten = 0;
    second.all_ready = [&] { return g.step->ready(); };
    second.all_could = [](bool) { return false; };
    second.forget = [&] { ++forgotten; };
    g.step.emplace(g.layer, g.device, second);
    for (int i = 0; i < 2 * RecordedStep::kWarmUps; ++i) g.run(4);
    QCOMPARE(g.step->replays(), int64_t{0});
    QCOMPARE(g.step->refusal(), std::string("another rank could not record its work"));
    QCOMPARE(forgotten, 0);
  }

  void a_device_that_cannot_record_is_left_alone() {
    set_can_record(false);
    Fixture f;
    for (int i = 0; i < 2 * RecordedStep::kWarmUps; ++i) f.run(4);
    QCOMPARE(f.step->replays(), int64_t{0});
    QVERIFY(!f.step->refusal().empty());
  }
};

QTEST_GUILESS_MAIN(TestRecordedStep)
#include "test_recorded_step.moc"
