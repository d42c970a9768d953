#include <QTemporaryDir>
#include <QtTest>

#include "core/backend/creation.h"
#include "core/base/error.h"
#include "core/codegen/drawing.h"
#include "core/io/saved_value.h"
#include "core/train/trainer.h"
#include "tests/core/train/runs.h"
#include "tests/support/compare.h"
#include "tests/support/python.h"

using namespace nw;
using namespace nw::test;

using Make = graph::Project (*)();
Q_DECLARE_METATYPE(Make)

namespace {

/// A run with all that could be forgotten: dropout, statistics, momentum, a validation part.
graph::Project plain() {
  graph::Project project = spirals();
  project.graph = codegen::to_graph(codegen::parse_model(
      "nn.Sequential(nn.Linear(2, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), "
      "nn.Linear(12, 2))"));
  project.run.optimizer = {"Adam", {{"lr", 0.01}}};
  return project;
}

/// The same with schedulers of all kinds, clipping and an average.
graph::Project scheduled() {
  graph::Project project = plain();
  project.run.schedulers = {{"ExponentialLR", {{"gamma", 0.7}}},
                            {"ReduceLROnPlateau", {{"patience", int64_t{0}}, {"threshold", 0.2}}}};
  project.run.warmup = 25;
  project.run.clip_norm = 0.5;
  project.run.ema_decay = 0.9;
  return project;
}

graph::Project restarting() {
  graph::Project project = plain();
  project.run.schedulers = {{"CosineAnnealingWarmRestarts", {{"T_0", int64_t{1}}}}};
  return project;
}

graph::Project cycling() {
  graph::Project project = plain();
  project.run.schedulers = {{"OneCycleLR", {{"max_lr", 0.02}}}};
  project.run.ema_decay = 0.95;
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
Run run_from(const graph::Project& project, std::optional<train::Checkpoint> resume,
             int64_t most = INT64_MAX) {
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
  train::Trainer trainer(project, sink, std::move(resume));
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
  Run whole_;  // of plain()

  std::string path() const { return folder_.filePath("run.pt").toStdString(); }
  train::Checkpoint through_a_file(const train::Checkpoint& checkpoint) const {
    train::save_checkpoint(checkpoint, path());
    return train::load_checkpoint(path());
  }

 private slots:
  void initTestCase() {
    whole_ = run_from(plain(), {});
    QCOMPARE(int(whole_.finished.outcome), int(train::Outcome::Completed));
    QCOMPARE(whole_.epochs.size(), size_t{3});
  }

  void goesOnBitForBit_data() {
    QTest::addColumn<Make>("make");
    QTest::addColumn<int64_t>("cut");
    const auto batches = static_cast<int64_t>(whole_.steps.size() / whole_.epochs.size());
    const std::pair<const char*, Make> runs[] = {{"plain", plain},
                                                 {"scheduled", scheduled},
                                                 {"restarting", restarting},
                                                 {"cycling", cycling}};
    for (const auto& [name, make] : runs) {
      for (const int64_t cut : {int64_t{1}, batches - 1, batches, batches + 3, 2 * batches}) {
        QTest::addRow("%s, after step %lld", name, static_cast<long long>(cut)) << make << cut;
      }
    }
  }

  void goesOnBitForBit() {
    QFETCH(Make, make);
    QFETCH(int64_t, cut);
    const Run whole = run_from(make(), {});
    const Run first = run_from(make(), {}, cut);
    QCOMPARE(int(first.finished.outcome), int(train::Outcome::Stopped));
    const Run second = run_from(make(), through_a_file(first.last));
    QCOMPARE(first.steps.size() + second.steps.size(), whole.steps.size());
    for (const train::StepDone& step : second.steps) {
      const train::StepDone& expected = whole.steps[static_cast<size_t>(step.step - 1)];
      QCOMPARE(step.loss, expected.loss);
      QCOMPARE(step.epoch, expected.epoch);
      QCOMPARE(step.batch, expected.batch);
      QVERIFY(step.learning_rate == expected.learning_rate);
    }
    const train::EpochDone& done = second.epochs.back();
    QCOMPARE(done.train_loss, whole.epochs.back().train_loss);
    QVERIFY(*done.validation_loss == *whole.epochs.back().validation_loss);
    QVERIFY(*second.finished.test_loss == *whole.finished.test_loss);
    QCOMPARE(differences(second.last.model, whole.last.model), std::string());
    QCOMPARE(second.last.average.has_value(), whole.last.average.has_value());
    if (!whole.last.average) return;
    QCOMPARE(second.last.average->updates, whole.last.average->updates);
    QCOMPARE(differences(second.last.average->model, whole.last.average->model), std::string());
  }

  void readsTheCurvesOfEarlierVersions() {
    train::save_checkpoint(whole_.last, path());
    const io::SavedValue saved = io::load_value(path());
    io::SavedDict old;
    for (const auto& [key, value] : saved.as<io::SavedDict>()->items) {
      const std::string& name = *key.as<std::string>();
      if (name != "packed_curves") old.set(name, value);
    }
    old.set("curves", {tensor_of<double>(std::vector<double>{1, 1, 0.5, 0.25, NAN, NAN, 0.1,  //
                                                             2, 1, 0.75, 0.5, 2, 0.125, 0.01},
                                         {2, 7})});
    io::save_value({old}, path());
    const std::string csv = train::load_checkpoint(path()).curves.csv(true);
    QVERIFY2(csv.ends_with("\n1,1,0.5,0.25,,,0.1\n2,1,0.75,0.5,2,0.125,0.01\n"), csv.c_str());
  }

  /// What is kept between two epochs stands at the beginning of the next.
  void goesOnAfterAnEpoch() {
    const train::Checkpoint& kept = whole_.at_epochs[0];
    QCOMPARE(kept.epoch, int64_t{2});
    QCOMPARE(kept.batch, int64_t{0});
    const Run second = run_from(plain(), through_a_file(kept));
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

  void torchReadsSchedulersAndAverages() {
    train::save_checkpoint(run_from(scheduled(), {}).last, path());
    QCOMPARE(runPython(R"(
import sys, torch
from torch import nn
from torch.optim import lr_scheduler
c = torch.load(sys.argv[1])
model = nn.Sequential(nn.Linear(2, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 2))
averaged = torch.optim.swa_utils.AveragedModel(model)
averaged.module.load_state_dict(c['average']['model'])
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
kinds = [one['id'] for one in c['schedulers']]
made = [lr_scheduler.LinearLR(optimizer), lr_scheduler.ExponentialLR(optimizer, 0.7),
        lr_scheduler.ReduceLROnPlateau(optimizer)]
optimizer.load_state_dict(c['optimizer'])
for scheduler, one in zip(made, c['schedulers']):
    scheduler.load_state_dict(one['state'])
rate = optimizer.param_groups[0]['lr']
made[1].step()
print(kinds, c['average']['n_averaged'] == c['step'])
print(made[1].last_epoch, abs(optimizer.param_groups[0]['lr'] - 0.7 * rate) < 1e-12)
)",
                       {folder_.filePath("run.pt")}),
             QByteArray("['LinearLR', 'ExponentialLR', 'ReduceLROnPlateau'] True\n4 True\n"));
  }

  void refusesAnotherRun() {
    train::Checkpoint other = whole_.at_epochs[0];
    other.batch_size = 3;
    const auto refused = [](train::Checkpoint checkpoint, Make make = plain) {
      std::string text;
      train::Trainer trainer(
          make(),
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
    QVERIFY(refused(whole_.at_epochs[0], restarting).contains("other schedulers (none)"));
    other = whole_.at_epochs[0];
    other.average = train::Averaging::State{};
    QVERIFY(refused(other).contains("with an average"));
  }
};

QTEST_GUILESS_MAIN(TestResume)
#include "test_resume.moc"
