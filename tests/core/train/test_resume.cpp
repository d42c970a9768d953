#include <QTemporaryDir>
#include <QtTest>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/codegen/drawing.h"
#include "core/train/trainer.h"
#include "tests/core/train/runs.h"
#include "tests/support/compare.h"
#include "tests/support/python.h"

using namespace nw;
using namespace nw::test;

namespace {

/// A run with all that could be forgotten: dropout, statistics, momentum, a validation part.
graph::Project project() {
  graph::Project project = spirals();
  project.graph = codegen::to_graph(codegen::parse_model(
      "nn.Sequential(nn.Linear(2, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), "
      "nn.Linear(12, 2))"));
  project.run.optimizer = {"Adam", {{"lr", 0.01}}};
  return project;
}

struct Run {
  std::vector<train::StepDone> steps;
  std::vector<train::EpochDone> epochs;
  std::vector<train::Checkpoint> at_epochs;
  train::Checkpoint last;
  train::Finished finished;
};

/// Stops after `most` steps.
Run run_from(std::optional<train::Checkpoint> resume, int64_t most = INT64_MAX) {
  Run out;
  train::Trainer* running = nullptr;
  const auto sink = [&](const train::Event& event) {
    if (const auto* step = std::get_if<train::StepDone>(&event)) {
      out.steps.push_back(*step);
      if (step->step >= most) running->stop();
    }
    if (const auto* epoch = std::get_if<train::EpochDone>(&event)) {
      out.epochs.push_back(*epoch);
      out.at_epochs.push_back(*running->checkpoint());
    }
    if (const auto* end = std::get_if<train::Finished>(&event)) out.finished = *end;
  };
  train::Trainer trainer(project(), sink, std::move(resume));
  running = &trainer;
  trainer.run();
  out.last = *trainer.checkpoint();
  return out;
}

std::string differences(const nn::StateDict& a, const nn::StateDict& b) {
  for (size_t i = 0; i < a.entries.size(); ++i) {
    const auto text = bit_difference(a.entries[i].tensor, b.entries[i].tensor, a.entries[i].key);
    if (!text.empty()) return text;
  }
  return a.entries.size() == b.entries.size() ? "" : "other keys";
}

}  // namespace

/// A run that is cut in two has the numbers of one that is not.
class TestResume : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir folder_;
  Run whole_;

  std::string path() const { return folder_.filePath("run.pt").toStdString(); }
  train::Checkpoint through_a_file(const train::Checkpoint& checkpoint) const {
    train::save_checkpoint(checkpoint, path());
    return train::load_checkpoint(path());
  }

 private slots:
  void initTestCase() {
    whole_ = run_from({});
    QCOMPARE(int(whole_.finished.outcome), int(train::Outcome::Completed));
    QCOMPARE(whole_.epochs.size(), size_t{3});
  }

  void goesOnBitForBit_data() {
    QTest::addColumn<int64_t>("cut");
    const auto batches = static_cast<int64_t>(whole_.steps.size() / whole_.epochs.size());
    for (const int64_t cut : {int64_t{1}, batches - 1, batches, batches + 3, 2 * batches}) {
      QTest::addRow("after step %lld", static_cast<long long>(cut)) << cut;
    }
  }

  void goesOnBitForBit() {
    QFETCH(int64_t, cut);
    const Run first = run_from({}, cut);
    QCOMPARE(int(first.finished.outcome), int(train::Outcome::Stopped));
    const Run second = run_from(through_a_file(first.last));
    QCOMPARE(first.steps.size() + second.steps.size(), whole_.steps.size());
    for (const train::StepDone& step : second.steps) {
      const train::StepDone& expected = whole_.steps[static_cast<size_t>(step.step - 1)];
      QCOMPARE(step.loss, expected.loss);
      QCOMPARE(step.epoch, expected.epoch);
      QCOMPARE(step.batch, expected.batch);
    }
    const train::EpochDone& done = second.epochs.back();
    QCOMPARE(done.train_loss, whole_.epochs.back().train_loss);
    QCOMPARE(*done.validation_loss, *whole_.epochs.back().validation_loss);
    QCOMPARE(*second.finished.test_loss, *whole_.finished.test_loss);
    QCOMPARE(differences(second.last.model, whole_.last.model), std::string());
  }

  /// What is kept between two epochs stands at the beginning of the next.
  void goesOnAfterAnEpoch() {
    const train::Checkpoint& kept = whole_.at_epochs[0];
    QCOMPARE(kept.epoch, int64_t{2});
    QCOMPARE(kept.batch, int64_t{0});
    const Run second = run_from(through_a_file(kept));
    QCOMPARE(second.epochs.size(), size_t{2});
    QCOMPARE(differences(second.last.model, whole_.last.model), std::string());
  }

  void torchReadsIt() {
    train::save_checkpoint(whole_.last, path());
    QCOMPARE(runPython(R"(
import sys, torch
from torch import nn
c = torch.load(sys.argv[1])
model = nn.Sequential(nn.Linear(2, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 2))
model.load_state_dict(c['model'])
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
optimizer.load_state_dict(c['optimizer'])
torch.set_rng_state(c['rng'])
model(torch.randn(4, 2)).sum().backward()
optimizer.step()
print(optimizer.state[model[0].weight]['step'].item() == c['step'] + 1)
)",
                       {folder_.filePath("run.pt")}),
             QByteArray("True\n"));
  }

  void refusesAnotherRun() {
    train::Checkpoint other = whole_.at_epochs[0];
    other.batch_size = 3;
    const auto refused = [](train::Checkpoint checkpoint) {
      std::string text;
      train::Trainer trainer(
          project(),
          [&](const train::Event& event) {
            if (const auto* end = std::get_if<train::Finished>(&event)) text = end->text;
          },
          std::move(checkpoint));
      trainer.run();
      return QString::fromStdString(text);
    };
    QVERIFY(refused(other).contains("batches of 3"));
    other = whole_.at_epochs[0];
    other.model.entries.pop_back();
    QVERIFY(refused(other).contains("missing"));
  }
};

QTEST_GUILESS_MAIN(TestResume)
#include "test_resume.moc"
