#include <QtTest>
#include <mutex>

#include "core/codegen/drawing.h"
#include "core/train/recorded_step.h"
#include "tests/core/train/runs.h"
#include "tests/support/compare.h"
#include "tests/support/recording_device.h"
#include "tests/support/recording_group.h"
#include "tests/support/thread_group.h"

using namespace nw;
using namespace nw::test;

namespace {

struct RankRun {
  Story story;
  nn::StateDict weights;
};

/// Every rank on the device that records.
std::map<int, RankRun> run_ranks(int count, const graph::Project& project) {
  std::map<int, RankRun> runs;
  std::mutex mutex;
  const std::string failed = on_ranks(count, [&](std::shared_ptr<dist::ProcessGroup> group) {
    RankRun own;
    train::Trainer trainer(
        project, [&](const train::Event& event) { own.story.events.push_back(event); }, {},
        recording_group(group));
    trainer.run();
    own.weights = trainer.state_dict();
    const std::lock_guard lock(mutex);
    runs[group->rank()] = std::move(own);
  });
  if (!failed.empty()) QTest::qFail(failed.c_str(), __FILE__, __LINE__);
  return runs;
}

graph::Project project_of(const char* model) {
  graph::Project project = spirals();
  project.graph = codegen::to_graph(codegen::parse_model(model));
  project.run.device = "cuda:0";
  project.run.epochs = 2;
  project.run.batch_size = 50;  // of 640: the last one is smaller
  return project;
}

}  // namespace

/// Ranks whose steps, with all that they exchange, are recorded and replayed.
class TestRecordedRanks : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { recording_device(); }

  void trains_as_without_recording_data() {
    QTest::addColumn<int>("ranks");
    QTest::addColumn<QString>("precision");
    QTest::newRow("2") << 2 << "float32";
    QTest::newRow("3, of unequal shares") << 3 << "float32";
    QTest::newRow("2, float16") << 2 << "float16";
  }

  /// Statistics of a norm, which are sent in forward; dropout, whose stream each rank and step has.
  void trains_as_without_recording() {
    QFETCH(int, ranks);
    QFETCH(QString, precision);
    graph::Project project = project_of(
        "nn.Sequential(nn.Linear(2, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), "
        "nn.Linear(12, 2))");
    project.run.optimizer = {"AdamW", {}};
    project.run.schedulers = {{"OneCycleLR", {{"max_lr", 0.02}}}};
    project.run.clip_norm = 1.0;
    project.run.precision = precision.toStdString();
    set_can_record(false);
    const auto plain = run_ranks(ranks, project);
    set_can_record(true);
    const int64_t before = recordings_replayed();
    const auto recorded = run_ranks(ranks, project);
    QCOMPARE(recordings_replayed() - before,
             int64_t{ranks} * 3 * (2 * 12 - train::RecordedStep::kWarmUps));
    for (int rank = 0; rank < ranks; ++rank) {
      const RankRun& ours = recorded.at(rank);
      const RankRun& expected = plain.at(rank);
      QCOMPARE(ours.story.end().text, std::string());
      QCOMPARE(ours.story.losses(), expected.story.losses());
      QCOMPARE(ours.story.all<train::EpochDone>()[0].note,
               std::string("Steps are recorded and replayed"));
      for (size_t i = 0; i < expected.weights.entries.size(); ++i) {
        const auto& entry = expected.weights.entries[i];
        const std::string text =
            bit_difference(ours.weights.entries[i].tensor, entry.tensor, entry.key);
        QVERIFY2(text.empty(), text.c_str());
      }
    }
    // Times and bytes are told of replayed steps as of the others.
    const auto steps = recorded.at(0).story.all<train::StepDone>();
    QVERIFY(steps[11].ranks[1].compute > 0);
    QCOMPARE(steps[11].ranks[0].bytes, plain.at(0).story.all<train::StepDone>()[11].ranks[0].bytes);
  }

  void a_rank_without_samples_in_the_last_batch() {
    graph::Project project = project_of("nn.Sequential(nn.Linear(2, 2))");
    project.run.batch_size = 71;  // of 640: one is left for two ranks
    set_can_record(false);
    const auto plain = run_ranks(2, project);
    set_can_record(true);
    const auto recorded = run_ranks(2, project);
    QCOMPARE(recorded.at(0).story.end().text, std::string());
    QCOMPARE(recorded.at(1).story.losses(), plain.at(1).story.losses());
  }

  void targets_that_count_differently_are_not_recorded() {
    graph::Project project = project_of("nn.Sequential(nn.Linear(2, 2))");
    for (graph::Node& node : project.graph.nodes) {
      if (node.block == "CrossEntropyLoss") node.args.set("ignore_index", int64_t{0});
    }
    const int64_t before = recordings_made();
    const auto runs = run_ranks(2, project);
    QCOMPARE(recordings_made(), before);
    const std::string note = runs.at(0).story.all<train::EpochDone>()[0].note;
    QVERIFY2(note.find("depends on its targets") != std::string::npos, note.c_str());
  }
};

QTEST_GUILESS_MAIN(TestRecordedRanks)
#include "test_recorded_ranks.moc"
