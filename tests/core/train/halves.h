#pragma once

#include <QTemporaryDir>
#include <QTest>

#include "core/train/checkpoint.h"
#include "tests/core/train/runs.h"
#include "tests/support/compare.h"

namespace nw::test {

/// That a run which goes on from a checkpoint file of its middle ends with the losses and the
/// weights of one that was never stopped, bit for bit. It takes more than 13 steps.
inline void expect_halves_make_the_whole(const graph::Project& project) {
  constexpr int64_t kMiddle = 13;
  QTemporaryDir folder;
  const std::string path = folder.filePath("half.ckpt").toStdString();
  nn::StateDict whole;
  const Story story = run(
      project,
      [&](train::Trainer& trainer, const train::Event& event) {
        const auto* step = std::get_if<train::StepDone>(&event);
        if (step != nullptr && step->step == kMiddle) {
          train::save_checkpoint(*trainer.checkpoint(), path);
        }
      },
      &whole);
  Story rest;
  train::Trainer trainer(
      project, [&](const train::Event& event) { rest.events.push_back(event); },
      train::load_checkpoint(path));
  trainer.run();
  const std::vector<double> all = story.losses();
  QVERIFY(all.size() > kMiddle);
  QCOMPARE(rest.losses(), std::vector<double>(all.begin() + kMiddle, all.end()));
  const nn::StateDict end = trainer.state_dict();
  QCOMPARE(end.entries.size(), whole.entries.size());
  for (size_t i = 0; i < end.entries.size(); ++i) {
    const std::string problem =
        bit_difference(end.entries[i].tensor, whole.entries[i].tensor, whole.entries[i].key);
    QVERIFY2(problem.empty(), problem.c_str());
  }
}

}  // namespace nw::test
