#include <QtTest>
#include <atomic>
#include <mutex>

#include "core/backend/creation.h"
#include "core/codegen/drawing.h"
#include "core/train/evaluate.h"
#include "core/train/trainer.h"
#include "tests/core/dist/ranks.h"
#include "tests/core/train/runs.h"
#include "tests/support/thread_group.h"

using namespace nw;
using namespace nw::test;

namespace {

using Group = std::shared_ptr<dist::ProcessGroup>;
using Numbers = std::vector<float>;

/// What the run of one rank told and left.
struct RankRun {
  Story story;
  Numbers weights;
  std::optional<train::Checkpoint> checkpoint;
};
using Runs = std::map<int, RankRun>;

graph::Project project_of(const char* model, const char* optimizer = "SGD") {
  graph::Project project = spirals();
  project.graph = codegen::to_graph(codegen::parse_model(model));
  project.run.optimizer = {optimizer, {{"lr", std::string_view(optimizer) == "SGD" ? 0.1 : 0.01}}};
  return project;
}

graph::Project plain(const char* optimizer = "SGD") {
  return project_of(
      "nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 2))",
      optimizer);
}

/// All weights and statistics; counts are left out.
Numbers values_of(const nn::StateDict& state) {
  nn::StateDict reals;
  for (const auto& entry : state.entries) {
    if (is_floating(entry.tensor.dtype())) reals.entries.push_back(entry);
  }
  return numbers(reals);
}

/// By what the ranks, which are threads, exchange.
enum class Means : uint8_t { Memory, Gloo };

std::string on_ranks_by(Means means, int count, const std::function<void(const Group&)>& body) {
  if (means == Means::Memory) return on_ranks(count, body);
  return on_gloo_ranks(count, [&](dist::ProcessGroup& group) {
    body(Group(std::shared_ptr<void>(), &group));  // its owner waits
  });
}

/// Runs the project on so many ranks; `watch` is called for each, on its thread.
Runs run_ranks(int count, const graph::Project& project,
               const std::optional<train::Checkpoint>& resume = {},
               const std::function<void(int, train::Trainer&, const train::Event&)>& watch = {},
               Means means = Means::Memory) {
  Runs runs;
  std::mutex mutex;
  const std::string failed = on_ranks_by(means, count, [&](const Group& group) {
    RankRun own;
    train::Trainer* self = nullptr;
    train::Trainer trainer(
        project,
        [&](const train::Event& event) {
          own.story.events.push_back(event);
          if (watch) watch(group->rank(), *self, event);
        },
        group->rank() == 0 ? resume : std::nullopt, group);
    self = &trainer;
    trainer.run();
    own.weights = values_of(trainer.state_dict());
    own.checkpoint = trainer.checkpoint();
    const std::lock_guard lock(mutex);
    runs[group->rank()] = std::move(own);
  });
  NW_CHECK(failed.empty(), failed);
  return runs;
}

double apart(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

std::vector<double> accuracies(const Story& story) {
  std::vector<double> out;
  for (const auto& step : story.all<train::StepDone>()) out.push_back(step.accuracy);
  return out;
}

/// All figures of the epochs and the end.
std::vector<double> figures(const Story& story) {
  std::vector<double> out;
  for (const auto& epoch : story.all<train::EpochDone>()) {
    out.insert(out.end(), {epoch.train_loss, epoch.train_accuracy});
    out.insert(out.end(), {*epoch.validation_loss, epoch.validation_accuracy.value_or(-1)});
  }
  out.insert(out.end(),
             {story.end().test_loss.value_or(-1), story.end().test_accuracy.value_or(-1)});
  return out;
}

/// Two classes of which one counts more, and one that does not count: the mean divides by weights.
graph::Project weighted() {
  graph::Project project = plain();
  for (graph::Node& node : project.graph.nodes) {
    if (node.block == "CrossEntropyLoss") node.args.set("weight", std::string("0.2, 3"));
  }
  return project;
}

graph::Project summed() {
  graph::Project project = plain();
  project.run.optimizer.args.set("lr", 0.003);
  for (graph::Node& node : project.graph.nodes) {
    if (node.block == "CrossEntropyLoss") node.args.set("reduction", std::string("sum"));
  }
  return project;
}

}  // namespace

/// The same project on one rank and on several.
class TestTrainerRanks : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QVERIFY(plain().graph.nodes.back().block == "CrossEntropyLoss"); }

  void severalRanksEqualOne_data() {
    QTest::addColumn<int>("ranks");
    QTest::addColumn<QString>("kind");
    for (int ranks = 2; ranks <= 8; ++ranks) QTest::addRow("%d", ranks) << ranks << "plain";
    for (const char* kind :
         {"Adam", "LBFGS", "weighted", "summed", "tiny last batch", "schedule", "Gloo"}) {
      QTest::newRow(kind) << 3 << kind;
    }
  }

  void severalRanksEqualOne() {
    QFETCH(int, ranks);
    QFETCH(QString, kind);
    graph::Project project = kind == "weighted" ? weighted()
                             : kind == "summed" ? summed()
                             : kind == "plain"  ? plain()
                             : kind == "Adam"   ? plain("Adam")
                             : kind == "LBFGS"  ? plain("LBFGS")
                                                : plain();
    // 640 samples in batches of 50: the last one has 40.
    project.run.batch_size = 50;
    if (kind == "LBFGS") {
      project.run.epochs = 1;
      project.run.optimizer.args = {{"lr", 0.1}, {"max_iter", int64_t{4}}};
    }
    // 640 in batches of 71: the last one has 1, and two ranks have none.
    if (kind == "tiny last batch") project.run.batch_size = 71;
    if (kind == "schedule") {
      project.run.clip_norm = 0.1;
      project.run.ema_decay = 0.9;
    }
    const Story alone = run(project);
    QCOMPARE(int(alone.end().outcome), int(train::Outcome::Completed));
    const Means means = kind == "Gloo" ? Means::Gloo : Means::Memory;
    const Runs several = run_ranks(ranks, project, {}, {}, means);
    for (int rank = 0; rank < ranks; ++rank) {
      const RankRun& one = several.at(rank);
      QVERIFY2(int(one.story.end().outcome) == int(train::Outcome::Completed),
               one.story.end().text.c_str());
      // All ranks tell the same and end with the same weights, bit for bit.
      QCOMPARE(one.weights, several.at(0).weights);
      QCOMPARE(one.story.losses(), several.at(0).story.losses());
      QCOMPARE(figures(one.story), figures(several.at(0).story));
    }
    const Story& story = several.at(0).story;
    const double tolerance = kind == "LBFGS" ? 1e-2 : 1e-4;
    const double losses = apart(story.losses(), alone.losses());
    QVERIFY2(losses < tolerance, qPrintable(QString::number(losses)));
    QVERIFY(apart(figures(story), figures(alone)) < std::max(tolerance, 6.0 / 640));
    QVERIFY(apart(accuracies(story), accuracies(alone)) <= 0.04);
    const auto steps = story.all<train::StepDone>();
    QCOMPARE(steps.back().ranks.size(), size_t(ranks));
    for (const dist::StepTimes& times : steps.back().ranks) {
      QVERIFY(times.compute > 0);
      QVERIFY(times.bytes > 0);
    }
    QVERIFY(alone.all<train::StepDone>().back().ranks.empty());
  }

  /// Each rank's norm has seen other samples: what is evaluated is the model of the first rank,
  /// which is the one that is kept.
  void evaluatesTheModelOfTheFirstRank() {
    graph::Project project = project_of(
        "nn.Sequential(nn.Linear(2, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 2))");
    project.run.epochs = 1;
    const Runs runs = run_ranks(3, project);
    nn::Args args;
    const data::DatasetSpec& spec = graph::find_data(project.run.data, args);
    const std::unique_ptr<graph::Model> model = graph::build(project.graph, spec.signature(args));
    model->load_state_dict(runs.at(0).checkpoint->model);
    const auto expected = train::evaluate(*model, *spec.load(args).test, project.run.batch_size);
    for (int rank = 0; rank < 3; ++rank) {
      const train::Finished& end = runs.at(rank).story.end();
      QVERIFY(std::abs(*end.test_loss - expected.loss) < 1e-6);
      QCOMPARE(*end.test_accuracy, expected.accuracy);
    }
  }

  void aGroupOfOneIsNoGroup() {
    graph::Project project = spirals(0.3);
    nn::StateDict alone;
    const Story story = run(project, {}, &alone);
    const Runs one = run_ranks(1, project);
    QCOMPARE(one.at(0).weights, numbers(alone));
    QCOMPARE(one.at(0).story.losses(), story.losses());
  }

  void masksRepeat() {
    graph::Project project = spirals(0.3);
    project.run.epochs = 1;
    const Runs first = run_ranks(2, project);
    const Runs again = run_ranks(2, project);
    QCOMPARE(first.at(0).weights, again.at(0).weights);
    QCOMPARE(first.at(0).weights, first.at(1).weights);
  }

  /// A unit that is dropped for each sample of a batch leaves its weights as they are. With a mask
  /// of its own for each rank and step that is half as many for twice the ranks or steps.
  void masksDifferFromRankToRankAndStepToStep() {
    constexpr int64_t kUnits = 256;
    graph::Project project = project_of(
        "nn.Sequential(nn.Linear(2, 256), nn.Tanh(), nn.Dropout(0.5), nn.Linear(256, 2))");
    project.run.batch_size = 2;  // a sample for each rank
    std::vector<Tensor> weights;
    run_ranks(2, project, {}, [&](int rank, train::Trainer& trainer, const train::Event& event) {
      const auto* step = std::get_if<train::StepDone>(&event);
      const bool begins = std::holds_alternative<train::Started>(event);
      if (rank == 0 && (begins || (step != nullptr && step->step <= 2))) {
        weights.push_back(raw::clone(*trainer.state_dict().find("3.weight")));
      }
      if (step != nullptr && step->step == 2) trainer.stop();
    });
    QCOMPARE(weights.size(), size_t{3});
    const auto untouched = [&](const Tensor& after) {
      const float* const now = after.data<float>();
      const float* const before = weights[0].data<float>();
      int64_t count = 0;
      for (int64_t unit = 0; unit < kUnits; ++unit) count += now[unit] == before[unit];
      return count;
    };
    const int64_t first = untouched(weights[1]), both = untouched(weights[2]);
    QVERIFY2(first > kUnits / 6 && first < kUnits / 3, qPrintable(QString::number(first)));
    QVERIFY2(both > 0 && both < kUnits / 8, qPrintable(QString::number(both)));
  }

  void goesOnBitForBit_data() {
    QTest::addColumn<int>("cut");
    QTest::addColumn<bool>("gloo");
    for (const int cut : {1, 7, 20, 25}) QTest::addRow("after step %d", cut) << cut << false;
    for (const int cut : {1, 2}) QTest::addRow("Gloo, after step %d", cut) << cut << true;
  }

  void goesOnBitForBit() {
    QFETCH(int, cut);
    QFETCH(bool, gloo);
    const Means means = gloo ? Means::Gloo : Means::Memory;
    // By Gloo, so many weights that they go round in rings, whose sums depend on the places.
    graph::Project project = project_of(
        gloo ? "nn.Sequential(nn.Linear(2, 520), nn.Tanh(), nn.Linear(520, 520), nn.Tanh(), "
               "nn.Linear(520, 2))"
             : "nn.Sequential(nn.Linear(2, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), "
               "nn.Linear(12, 2))",
        "Adam");
    if (gloo) {
      project.run.epochs = 1;
      project.run.batch_size = 160;
    }
    const Runs whole = run_ranks(3, project, {}, {}, means);
    const auto stop = [&](int rank, train::Trainer& trainer, const train::Event& event) {
      const auto* step = std::get_if<train::StepDone>(&event);
      if (rank == 0 && step != nullptr && step->step == cut) trainer.stop();
    };
    const Runs first = run_ranks(3, project, {}, stop, means);
    QCOMPARE(int(first.at(2).story.end().outcome), int(train::Outcome::Stopped));
    const int64_t stopped =
        first.at(0).checkpoint->step;  // the others learn it with the next batch
    QVERIFY(stopped == cut || stopped == cut + 1);
    QCOMPARE(first.at(2).checkpoint->step, stopped);
    const Runs second = run_ranks(3, project, first.at(0).checkpoint, {}, means);
    const auto losses = whole.at(0).story.losses();
    QCOMPARE(second.at(1).story.losses(),
             std::vector<double>(losses.begin() + stopped, losses.end()));
    QCOMPARE(values_of(second.at(0).checkpoint->model), values_of(whole.at(0).checkpoint->model));
  }

  /// One rank's checkpoint on four, and four ranks' on one: nothing is drawn at random meanwhile,
  /// so that the curves are those of one rank.
  void goesOnWithAnotherNumberOfRanks() {
    const graph::Project project = plain();
    const Story alone = run(project);
    const auto stop_at_30 = [](int rank, train::Trainer& trainer, const train::Event& event) {
      const auto* step = std::get_if<train::StepDone>(&event);
      if (rank == 0 && step != nullptr && step->step == 30) trainer.stop();
    };
    const Runs one = run_ranks(1, project, {}, stop_at_30);
    const Runs four = run_ranks(4, project, one.at(0).checkpoint);
    const Runs cut = run_ranks(4, project, {}, stop_at_30);
    const Runs back = run_ranks(1, project, cut.at(0).checkpoint);
    const auto losses = alone.losses();
    const auto rest_after = [&](const RankRun& run) {
      return std::vector<double>(losses.begin() + run.checkpoint->step, losses.end());
    };
    QVERIFY(apart(four.at(3).story.losses(), rest_after(one.at(0))) < 1e-4);
    QVERIFY(apart(back.at(0).story.losses(), rest_after(cut.at(0))) < 1e-4);
  }

  void anyRankPausesStepsAndStopsAll() {
    graph::Project project = plain();
    project.run.epochs = 100000;
    std::atomic<int> paused{0};
    std::atomic<train::Trainer*> trainers[3] = {};
    std::atomic<int64_t> steps[3] = {};
    std::thread driver([&] {
      const auto wait = [](const auto& condition) {
        for (int i = 0; i < 100000 && !condition(); ++i) {
          std::this_thread::sleep_for(std::chrono::microseconds(500));
        }
      };
      wait([&] { return steps[0] > 5 && steps[1] > 5 && steps[2] > 5; });
      const auto stop = qScopeGuard([&] { trainers[2].load()->stop(); });
      trainers[0].load()->pause();
      wait([&] { return paused == 3; });
      const int64_t at_pause = steps[0];
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      QCOMPARE(steps[0].load(), at_pause);
      QCOMPARE(steps[2].load(), at_pause);
      trainers[0].load()->step();
      wait([&] { return paused == 6; });
      QCOMPARE(steps[1].load(), at_pause + 1);
      trainers[0].load()->resume();
      wait([&] { return steps[2] > at_pause + 10; });
      QVERIFY(steps[2] > at_pause + 10);
    });
    const Runs runs = run_ranks(3, project, {}, [&](int rank, auto& trainer, const auto& event) {
      trainers[rank] = &trainer;
      if (std::holds_alternative<train::StepDone>(event)) ++steps[rank];
      if (std::holds_alternative<train::Paused>(event)) ++paused;
    });
    driver.join();
    for (int rank = 0; rank < 3; ++rank) {
      QCOMPARE(int(runs.at(rank).story.end().outcome), int(train::Outcome::Stopped));
      QCOMPARE(steps[rank].load(), steps[0].load());
      QCOMPARE(runs.at(rank).story.all<train::Resumed>().size(), size_t{1});
    }
  }

  void allEndWhereOneFails() {
    std::mutex mutex;
    std::map<int, QString> told;
    on_ranks(3, [&](const Group& group) {
      graph::Project project = plain();
      if (group->rank() == 1) project.run.data = {"CSV", {{"path", std::string("/nowhere.csv")}}};
      train::Trainer trainer(
          project,
          [&](const train::Event& event) {
            const std::lock_guard lock(mutex);
            if (const auto* end = std::get_if<train::Finished>(&event)) {
              told[group->rank()] = QString::fromStdString(end->text);
              QCOMPARE(int(end->outcome), int(train::Outcome::Failed));
            }
          },
          {}, group);
      trainer.run();
    });
    for (int rank = 0; rank < 3; ++rank) QVERIFY2(!told[rank].isEmpty(), qPrintable(told[rank]));
  }

  void refusesRanksWithOtherSettings() {
    std::mutex mutex;
    std::map<int, QString> told;
    on_ranks(2, [&](const Group& group) {
      graph::Project project = plain();
      if (group->rank() == 1) project.run.batch_size = 16;
      train::Trainer trainer(
          project,
          [&](const train::Event& event) {
            const std::lock_guard lock(mutex);
            if (const auto* end = std::get_if<train::Finished>(&event)) {
              told[group->rank()] = QString::fromStdString(end->text);
            }
          },
          {}, group);
      trainer.run();
    });
    for (int rank = 0; rank < 2; ++rank) QVERIFY(told[rank].contains("differ from rank 0"));
  }

  void divergesOnAllRanks() {
    graph::Project project = spirals();
    project.graph = mlp({16, 16}, 2, "ReLU");
    project.run.optimizer = {"SGD", {{"lr", 1e18}}};
    const Runs runs = run_ranks(3, project);
    for (int rank = 0; rank < 3; ++rank) {
      QCOMPARE(int(runs.at(rank).story.end().outcome), int(train::Outcome::Diverged));
      QCOMPARE(runs.at(rank).story.end().step, runs.at(0).story.end().step);
    }
  }
};

QTEST_GUILESS_MAIN(TestTrainerRanks)
#include "test_trainer_ranks.moc"
