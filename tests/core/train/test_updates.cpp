#include <QTest>
#include <cmath>

#include "core/train/planned_rates.h"
#include "tests/core/train/runs.h"
#include "tests/support/compare.h"

using namespace nw;
using namespace nw::train;

namespace {

std::vector<double> rates_of(const test::Story& story) {
  std::vector<double> rates;
  for (const StepDone& step : story.all<StepDone>()) rates.push_back(step.learning_rate);
  return rates;
}

int64_t train_samples(const graph::Project& project) {
  return graph::data_status(project.run.data).signature.train_samples;
}

/// How far all weights together went from one state to the other.
double distance(const nn::StateDict& a, const nn::StateDict& b) {
  const std::vector<float> from = test::numbers(a);
  const std::vector<float> to = test::numbers(b);
  double sum = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    sum += (double(to[i]) - double(from[i])) * (double(to[i]) - double(from[i]));
  }
  return std::sqrt(sum);
}

}  // namespace

/// What a run does to its weights besides the optimiser's step.
class TestUpdates : public QObject {
  Q_OBJECT

 private slots:
  void rates_are_as_planned_data() {
    QTest::addColumn<QString>("id");
    for (const auto& spec : optim::schedulers().all()) {
      if (!spec.needs_metric) QTest::newRow(spec.id.c_str()) << QString::fromStdString(spec.id);
    }
    QTest::newRow("none") << "";
    QTest::newRow("two with a warm-up") << "two";
  }

  void rates_are_as_planned() {
    QFETCH(QString, id);
    graph::Project project = test::spirals();
    project.run.epochs = 5;
    if (id == "two") {
      project.run.schedulers = {{"ExponentialLR", {{"gamma", 0.9}}},
                                {"MultiStepLR", {{"milestones", std::vector<int64_t>{2, 4}}}}};
      project.run.warmup = 30;
    } else if (!id.isEmpty()) {
      project.run.schedulers = {{id.toStdString(), {}}};
    }
    if (id == "StepLR") project.run.schedulers[0].args.set("step_size", int64_t{2});
    if (id == "MultiStepLR") {
      project.run.schedulers[0].args.set("milestones", std::vector<int64_t>{1, 3});
    }
    if (id == "CyclicLR") project.run.schedulers[0].args.set("step_size_up", int64_t{13});
    const test::Story story = test::run(project);
    QCOMPARE(int(story.end().outcome), int(Outcome::Completed));
    const std::vector<double> told = rates_of(story);
    const PlannedRates plan = planned_rates(project.run, train_samples(project));
    QVERIFY(!plan.depends_on_validation);
    const int64_t batches = story.all<Started>()[0].batches;
    QCOMPARE(told.size(), size_t(5 * batches));
    QVERIFY(plan.per_epoch == 1 || plan.per_epoch == batches);
    QCOMPARE(plan.rates.size(), size_t(5 * plan.per_epoch));
    QCOMPARE(story.all<Started>()[0].schedules, !id.isEmpty());
    for (size_t i = 0; i < told.size(); ++i) {
      QVERIFY(told[i] == plan.rates[plan.per_epoch == 1 ? i / size_t(batches) : i]);
    }
    if (!id.isEmpty() && id != "ConstantLR") QVERIFY(told.front() != told.back());
  }

  void a_plan_ends_where_it_is_told_to() {
    graph::RunSettings run;
    run.schedulers = {{"OneCycleLR", {}}};
    QCOMPARE(planned_rates(run, 6400, 50).rates.size(), size_t{50});
    QVERIFY(planned_rates(run, 0).rates.empty());  // how many batches is not known
    run.schedulers = {{"StepLR", {{"step_size", int64_t{1}}}}, {"ReduceLROnPlateau", {}}};
    const PlannedRates plan = planned_rates(run, 0);
    QCOMPARE(plan.rates.size(), size_t{5});
    QVERIFY(plan.depends_on_validation);
  }

  void the_validation_lowers_the_rate() {
    graph::Project project = test::spirals();
    project.run.epochs = 4;
    // Nothing is ever good enough.
    project.run.schedulers = {
        {"ReduceLROnPlateau",
         {{"patience", int64_t{0}}, {"threshold", 100.0}, {"threshold_mode", std::string("abs")}}}};
    const std::vector<double> rates = rates_of(test::run(project));
    const size_t batches = rates.size() / 4;
    QCOMPARE(rates[batches - 1], 0.1);
    QCOMPARE(rates[batches], 0.1);  // the first epoch is the best so far
    QCOMPARE(rates[2 * batches], 0.01);
    QCOMPARE(rates.back(), 0.001);
    // The accuracy, of which more is better.
    project.run.schedulers[0].args.set("mode", std::string("max"));
    project.run.schedulers[0].args.set("threshold", 0.0);
    project.run.schedulers[0].args.set("patience", int64_t{3});
    QCOMPARE(rates_of(test::run(project)).back(), 0.1);
  }

  void the_average_is_validated_and_kept() {
    graph::Project project = test::spirals(0.25);
    const test::Story plain = test::run(project);
    project.run.ema_decay = 0.9;
    nn::StateDict evaluated;
    nn::StateDict trained;
    std::vector<double> average;
    const test::Story story = test::run(
        project,
        [&](Trainer& trainer, const train::Event& event) {
          if (std::holds_alternative<Started>(event)) {
            QVERIFY(std::get<Started>(event).averages);
            // Before the first update both are the initial weights.
            QCOMPARE(distance(trainer.state_dict(), trainer.state_dict(Trainer::Weights::Trained)),
                     0.0);
          }
          if (!std::holds_alternative<StepDone>(event)) return;
          trained = trainer.state_dict(Trainer::Weights::Trained);
          const std::vector<float> now = test::numbers(trained);
          if (average.empty()) {
            average.assign(now.begin(), now.end());
          } else {
            for (size_t i = 0; i < now.size(); ++i) {
              average[i] = 0.9 * average[i] + 0.1 * double(now[i]);
            }
          }
        },
        &evaluated);
    // The stream of random numbers is the same, so the training is.
    QVERIFY(story.losses() == plain.losses());
    QVERIFY(*story.end().test_loss != *plain.end().test_loss);
    const std::vector<float> kept = test::numbers(evaluated);
    QCOMPARE(kept.size(), average.size());
    for (size_t i = 0; i < kept.size(); ++i) {
      QVERIFY(std::abs(double(kept[i]) - average[i]) < 1e-5);
    }
    QVERIFY(distance(evaluated, trained) > 1e-3);
  }

  void gradients_are_clipped() {
    graph::Project project = test::spirals();
    project.run.optimizer = {"SGD", {{"lr", 0.5}}};
    const auto reach = [&] {
      std::vector<double> ways;
      nn::StateDict before;
      test::run(project, [&](Trainer& trainer, const train::Event& event) {
        if (std::holds_alternative<StepDone>(event)) {
          ways.push_back(distance(before, trainer.state_dict()));
          trainer.stop();
        }
        before = trainer.state_dict();
      });
      return ways.at(0);
    };
    const double free = reach();
    project.run.clip_norm = 0.01;
    QVERIFY(std::abs(reach() - 0.005) < 1e-5);
    project.run.clip_norm = 1e6;
    QCOMPARE(reach(), free);
    project.run.clip_norm.reset();
    project.run.clip_value = 1e-3;
    const double by_value = reach();
    QVERIFY(by_value > 0 &&
            by_value <= 0.5e-3 * std::sqrt(2 * 16 + 16 + 16 * 16 + 16 + 16 * 2 + 2));
    QVERIFY(by_value < free);
  }

  void what_cannot_be_done_is_told_before_the_start_data() {
    QTest::addColumn<QString>("kind");
    QTest::addColumn<QString>("expected");
    QTest::newRow("too few steps") << "steps"
                                   << "[OneCycleLR] is made for 10 steps, the run has 60";
    QTest::newRow("no classes") << "classes"
                                << "[ReduceLROnPlateau] looks at the accuracy";
    QTest::newRow("nothing to validate") << "empty"
                                         << "[ReduceLROnPlateau] looks at the loss";
  }

  void what_cannot_be_done_is_told_before_the_start() {
    QFETCH(QString, kind);
    QFETCH(QString, expected);
    graph::Project project = test::spirals();
    project.run.schedulers = {{"ReduceLROnPlateau", {}}};
    if (kind == "steps") project.run.schedulers = {{"OneCycleLR", {{"total_steps", int64_t{10}}}}};
    if (kind == "empty") project.run.validation = 1e-9;
    if (kind == "classes") {
      project.run.schedulers[0].args.set("mode", std::string("max"));
      project.run.data = {"noisy-sine", {}};
      test::Chain chain;
      chain.add("Input");
      chain.add("Linear", {{"out_features", int64_t{1}}});
      chain.add("MSELoss");
      project.graph = chain.graph;
    }
    const test::Story story = test::run(project);
    QCOMPARE(int(story.end().outcome), int(Outcome::Failed));
    QVERIFY(story.all<Started>().empty());
    QVERIFY2(QString::fromStdString(story.end().text).startsWith(expected),
             story.end().text.c_str());
  }
};

QTEST_GUILESS_MAIN(TestUpdates)
#include "test_updates.moc"
