#include "core/train/trainer.h"

#include <QElapsedTimer>
#include <QTest>
#include <cmath>
#include <thread>

#include "core/base/random.h"
#include "core/train/evaluate.h"
#include "tests/core/train/runs.h"

using namespace nw;
using namespace nw::train;
using nw::test::text;

namespace {

template <typename T>
bool is(const train::Event& event) {
  return std::holds_alternative<T>(event);
}

}  // namespace

class TestTrainer : public QObject {
  Q_OBJECT

 private slots:
  void tellsTheWholeStory() {
    const test::Story story = test::run(test::spirals());
    QVERIFY(is<Started>(story.events.front()));
    const Started started = story.all<Started>().at(0);
    QCOMPARE(started.epochs, int64_t{3});
    QCOMPARE(started.batches, int64_t{20});
    QCOMPARE(started.train_samples, int64_t{640});
    QCOMPARE(started.validation_samples, int64_t{160});
    QCOMPARE(started.test_samples, int64_t{200});
    QVERIFY(started.classifies);

    const auto steps = story.all<StepDone>();
    QCOMPARE(steps.size(), size_t{60});
    double loss = 0;
    double accuracy = 0;
    for (size_t i = 0; i < steps.size(); ++i) {
      QCOMPARE(steps[i].step, int64_t(i + 1));
      QCOMPARE(steps[i].epoch, int64_t(i / 20 + 1));
      QCOMPARE(steps[i].batch, int64_t(i % 20 + 1));
      QVERIFY(steps[i].samples_per_second > 0);
      QVERIFY(steps[i].seconds_left >= 0);
      loss += i >= 40 ? steps[i].loss / 20 : 0;
      accuracy += i >= 40 ? steps[i].accuracy / 20 : 0;
    }
    const auto epochs = story.all<EpochDone>();
    QCOMPARE(epochs.size(), size_t{3});
    QVERIFY(std::abs(epochs[2].train_loss - loss) < 1e-9);
    QVERIFY(std::abs(epochs[2].train_accuracy - accuracy) < 1e-9);
    QCOMPARE(epochs[2].step, int64_t{60});
    QVERIFY(epochs[2].validation_loss && epochs[2].validation_accuracy);
    QVERIFY(*epochs[2].validation_loss > 0);
    QVERIFY(*epochs[2].validation_accuracy > 0.3 && *epochs[2].validation_accuracy <= 1);

    const Finished& end = story.end();
    QVERIFY2(end.outcome == Outcome::Completed, end.text.c_str());
    QCOMPARE(end.step, int64_t{60});
    QVERIFY(end.test_loss && end.test_accuracy);
    QVERIFY(end.seconds > 0);
  }

  void repeatsBitForBitOnAnyThread() {
    nn::StateDict first_state;
    nn::StateDict second_state;
    const graph::Project project = test::spirals(0.2);
    const test::Story first = test::run(project, {}, &first_state);
    test::Story second;
    std::thread([&] {
      default_generator().random64();  // what was drawn before does not matter
      second = test::run(project, {}, &second_state);
    }).join();
    QVERIFY(first.losses() == second.losses());
    QVERIFY(test::numbers(first_state) == test::numbers(second_state));
    QVERIFY(first.end().test_loss == second.end().test_loss);
    QVERIFY(first.all<EpochDone>()[1].validation_loss ==
            second.all<EpochDone>()[1].validation_loss);

    graph::Project other = project;
    other.run.seed = 6;
    QVERIFY(test::run(other).losses() != first.losses());
  }

  void copyingTheWeightsDoesNotChangeTheTraining() {
    const graph::Project project = test::spirals(0.2);
    const test::Story plain = test::run(project);
    const test::Story watched =
        test::run(project, [](Trainer& trainer, const train::Event&) { trainer.state_dict(); });
    QVERIFY(plain.losses() == watched.losses());
  }

  void learnsSpirals() {
    graph::Project project = test::spirals();
    project.graph = test::mlp({32, 32}, 2);
    project.run.optimizer = {"Adam", {{"lr", 0.01}}};
    project.run.epochs = 100;
    const test::Story story = test::run(project);
    qInfo("spirals: %.1f %% of the test set after %.1f s", 100 * *story.end().test_accuracy,
          story.end().seconds);
    QVERIFY(*story.end().test_accuracy > 0.95);
  }

  void learnsACurve() {
    test::Chain chain;
    chain.add("Input");
    chain.add("Linear", {{"out_features", int64_t{32}}});
    chain.add("Tanh");
    chain.add("Linear", {{"out_features", int64_t{1}}});
    chain.add("MSELoss");
    graph::Project project = test::spirals();
    project.graph = chain.graph;
    project.run.data = {"noisy-sine", {}};
    project.run.optimizer = {"Adam", {{"lr", 0.02}}};
    project.run.epochs = 60;
    const test::Story story = test::run(project);
    QVERIFY2(story.end().outcome == Outcome::Completed, story.end().text.c_str());
    QVERIFY(!story.all<Started>()[0].classifies);
    QVERIFY(!story.all<EpochDone>()[0].validation_accuracy);
    QVERIFY(!story.end().test_accuracy);
    QVERIFY2(*story.end().test_loss < 0.1, qPrintable(QString::number(*story.end().test_loss)));
  }

  void anAutoencoderHasNoAccuracy() {
    test::Chain chain;
    const graph::NodeId input = chain.add("Input");
    chain.add("Linear", {{"out_features", int64_t{4}}});
    chain.add("Linear", {{"out_features", int64_t{2}}});
    const graph::NodeId loss = chain.add("MSELoss");
    chain.graph.wires.push_back({{input, "output"}, {loss, "target"}});
    graph::Project project = test::spirals();
    project.graph = chain.graph;
    const test::Story story = test::run(project);
    QVERIFY2(story.end().outcome == Outcome::Completed, story.end().text.c_str());
    QVERIFY(!story.all<Started>()[0].classifies);
    QVERIFY(!story.end().test_accuracy);
    QVERIFY(story.losses().back() < story.losses().front());
  }

  void pausesBetweenBatches() {
    int64_t paused_at = 0;
    nn::StateDict before;
    const test::Story story =
        test::run(test::spirals(), [&](Trainer& trainer, const train::Event& event) {
          const auto* step = std::get_if<StepDone>(&event);
          if (step != nullptr && step->step == 7) trainer.pause();
          if (const auto* paused = std::get_if<Paused>(&event)) {
            paused_at = paused->step;
            trainer.resume();
          }
        });
    QCOMPARE(paused_at, int64_t{7});
    QCOMPARE(story.all<Resumed>().size(), size_t{1});
    QCOMPARE(story.all<Resumed>()[0].step, int64_t{7});
    QVERIFY(story.losses() == test::run(test::spirals()).losses());
  }

  void stepsOneBatchAtATime() {
    QStringList order;
    test::run(test::spirals(), [&](Trainer& trainer, const train::Event& event) {
      if (is<Started>(event)) trainer.pause();
      if (const auto* step = std::get_if<StepDone>(&event)) order << QString::number(step->step);
      if (is<EpochDone>(event)) order << "epoch";
      if (is<Resumed>(event)) order << "resumed";
      if (!is<Paused>(event)) return;
      order << "pause";
      if (order.size() < 8) {
        trainer.step();
      } else {
        trainer.stop();
      }
    });
    QCOMPARE(order.join(' '), QString("pause 1 pause 2 pause 3 pause 4 pause"));
  }

  void aStepAtTheEndOfAnEpochValidates() {
    graph::Project project = test::spirals();
    project.run.batch_size = 320;  // two batches
    QStringList order;
    test::run(project, [&](Trainer& trainer, const train::Event& event) {
      if (is<Started>(event)) trainer.step();
      if (const auto* step = std::get_if<StepDone>(&event)) order << QString::number(step->step);
      if (is<EpochDone>(event)) order << "epoch";
      if (is<Finished>(event)) order << "end";
      if (!is<Paused>(event)) return;
      order << "pause";
      trainer.step();
    });
    QCOMPARE(order.join(' '),
             QString("1 pause 2 epoch pause 3 pause 4 epoch pause 5 pause 6 epoch end"));
  }

  void stopsBetweenBatches() {
    const test::Story story =
        test::run(test::spirals(), [&](Trainer& trainer, const train::Event& event) {
          const auto* step = std::get_if<StepDone>(&event);
          if (step != nullptr && step->step == 27) trainer.stop();
        });
    QVERIFY(story.end().outcome == Outcome::Stopped);
    QCOMPARE(story.end().step, int64_t{27});
    QCOMPARE(story.all<StepDone>().size(), size_t{27});
    QCOMPARE(story.all<EpochDone>().size(), size_t{1});
    QVERIFY(!story.end().test_loss);
  }

  void stopsWhileValidating() {
    const test::Story story =
        test::run(test::spirals(), [&](Trainer& trainer, const train::Event& event) {
          const auto* step = std::get_if<StepDone>(&event);
          if (step != nullptr && step->step == 20) trainer.stop();
        });
    QVERIFY(story.end().outcome == Outcome::Stopped);
    QCOMPARE(story.all<EpochDone>().size(), size_t{1});
    QVERIFY(!story.all<EpochDone>()[0].validation_loss);
  }

  void pausesWhileValidatingAndTesting() {
    int pauses = 0;
    const test::Story story =
        test::run(test::spirals(), [&](Trainer& trainer, const train::Event& event) {
          const auto* step = std::get_if<StepDone>(&event);
          const auto* epoch = std::get_if<EpochDone>(&event);
          if ((step != nullptr && step->step == 20) || (epoch != nullptr && epoch->epoch == 3)) {
            trainer.pause();
          }
          if (!is<Paused>(event)) return;
          ++pauses;
          trainer.resume();
        });
    QCOMPARE(pauses, 2);
    QVERIFY(story.end().outcome == Outcome::Completed);
    QVERIFY(is<Paused>(story.events.at(21)));  // Started, 20 steps, before the epoch's end
    QVERIFY(is<EpochDone>(story.events.at(23)));
    QVERIFY(story.end().test_accuracy == test::run(test::spirals()).end().test_accuracy);
  }

  void stopsBeforeItBegins() {
    Trainer trainer(test::spirals(), [&](const train::Event& event) {
      QVERIFY(is<Finished>(event));
      QVERIFY(std::get<Finished>(event).outcome == Outcome::Stopped);
    });
    trainer.stop();
    trainer.run();
    QVERIFY(trainer.state_dict().entries.empty());
  }

  void usesAllSamplesWithoutValidation() {
    graph::Project project = test::spirals();
    project.run.validation = 0;
    const test::Story story = test::run(project);
    QCOMPARE(story.all<Started>()[0].train_samples, int64_t{800});
    QCOMPARE(story.all<Started>()[0].validation_samples, int64_t{0});
    QVERIFY(!story.all<EpochDone>()[0].validation_loss);
    project.run.data.args.set("test", 0.0);
    const test::Story untested = test::run(project);
    QVERIFY(untested.end().outcome == Outcome::Completed);
    QVERIFY(!untested.end().test_loss);
  }

  void evaluationLeavesTheModelAsItWas() {
    const graph::Project project = test::spirals(0.5);
    const data::Splits splits =
        data::datasets().find("spirals")->load(data::datasets().find("spirals")->complete({}));
    manual_seed(1);
    const auto model = graph::build(project.graph, {{2}, {}, DType::Int64, 2});
    const Generator before = default_generator();
    const Evaluation whole = evaluate(*model, *splits.test, 32);
    QVERIFY(default_generator() == before);
    QVERIFY(model->training());
    QCOMPARE(whole.samples, splits.test->size());
    const Evaluation single = evaluate(*model, *splits.test, 1);
    QVERIFY(std::abs(whole.loss - single.loss) < 1e-6);
    QCOMPARE(whole.accuracy, single.accuracy);
    int batches = 0;
    const Evaluation part = evaluate(*model, *splits.test, 10, [&] { return ++batches <= 3; });
    QCOMPARE(part.samples, int64_t{30});
    model->eval();
    evaluate(*model, *splits.test, 32);
    QVERIFY(!model->training());
  }

  void averagesALossThatAddsUp() {
    graph::Project project = test::spirals();
    const test::Story mean = test::run(project);
    project.graph.nodes.back().args.set("reduction", std::string("sum"));
    project.run.optimizer.args.set("lr", 0.1 / 32);
    const test::Story sum = test::run(project);
    QVERIFY(std::abs(mean.losses()[0] - sum.losses()[0]) < 1e-6);
    QVERIFY(std::abs(*mean.all<EpochDone>()[0].validation_loss -
                     *sum.all<EpochDone>()[0].validation_loss) < 1e-3);
  }
};

QTEST_GUILESS_MAIN(TestTrainer)
#include "test_trainer.moc"
