#include <QtTest>
#include <cmath>

#include "core/optim/grad_scaler.h"
#include "core/train/checkpoint.h"
#include "tests/core/train/halves.h"
#include "tests/core/train/runs.h"
#include "tests/support/compare.h"

using namespace nw;
using namespace nw::test;

namespace {

graph::Project mixed(const std::string& precision) {
  graph::Project project = spirals(0.1);
  project.run.precision = precision;
  project.run.epochs = 2;
  return project;
}

double mean(const std::vector<double>& numbers) {
  double sum = 0;
  for (const double number : numbers) sum += number;
  return sum / static_cast<double>(numbers.size());
}

}  // namespace

/// Runs in mixed precision: RunSettings::precision.
class TestPrecision : public QObject {
  Q_OBJECT

 private slots:
  void learns_nearly_as_in_float32_data() {
    QTest::addColumn<QString>("precision");
    QTest::newRow("bfloat16") << "bfloat16";
    QTest::newRow("float16") << "float16";
  }

  void learns_nearly_as_in_float32() {
    QFETCH(QString, precision);
    const Story plain = run(mixed("float32"));
    nn::StateDict state;
    const Story story = run(mixed(precision.toStdString()), {}, &state);
    QCOMPARE(story.end().text, std::string());
    const std::vector<double> a = story.losses();
    const std::vector<double> b = plain.losses();
    QCOMPARE(a.size(), b.size());
    QVERIFY(a != b);  // products are rounded
    QVERIFY(std::abs(a[0] - b[0]) < 0.02);
    QVERIFY(std::abs(mean(a) - mean(b)) < 0.05);
    QVERIFY(std::abs(*story.end().test_accuracy - *plain.end().test_accuracy) < 0.1);
    for (const auto& entry : state.entries) QCOMPARE(entry.tensor.dtype(), DType::Float32);
  }

  void float16_scales_the_loss_and_finds_the_scale() {
    graph::Project project = mixed("float16");
    std::vector<double> scales;
    run(project, [&](train::Trainer& trainer, const train::Event& event) {
      if (!std::holds_alternative<train::StepDone>(event)) return;
      scales.push_back(trainer.checkpoint()->scaler.at("scale").number());
    });
    QCOMPARE(scales.size(), size_t{40});
    // Gradients of a small net that are scaled up by 65536 may be too large for float16; then the
    // step is left out and the scale is halved.
    for (size_t i = 1; i < scales.size(); ++i) {
      QVERIFY(scales[i] == scales[i - 1] || scales[i] == scales[i - 1] / 2);
    }
    QVERIFY(scales.front() == 65536 || scales.front() == 32768);
    QVERIFY(scales.back() >= 1024);
  }

  void steps_that_overflow_are_left_out() {
    graph::Project project = mixed("float16");
    project.run.optimizer = {"SGD", {{"lr", 1e-4}}};
    for (graph::Node& node : project.graph.nodes) {
      // Of a sum over the batch, gradients times 65536 are too large for float16.
      if (node.block == "CrossEntropyLoss") node.args.set("reduction", std::string("sum"));
    }
    int left_out = 0;
    std::vector<double> scales;
    nn::StateDict before;
    run(project, [&](train::Trainer& trainer, const train::Event& event) {
      if (!std::holds_alternative<train::StepDone>(event)) return;
      const nn::StateDict now = trainer.state_dict();
      const double scale = trainer.checkpoint()->scaler.at("scale").number();
      if (!scales.empty()) {
        const bool same =
            bit_difference(now.entries[0].tensor, before.entries[0].tensor, "").empty();
        QCOMPARE(same, scale < scales.back());
        left_out += same;
      }
      scales.push_back(scale);
      before = now;
    });
    QVERIFY(left_out > 0);
    QVERIFY(left_out < 10);
  }

  void goes_on_from_a_checkpoint_bit_for_bit() { expect_halves_make_the_whole(mixed("float16")); }

  void a_checkpoint_of_float32_has_no_scaler() {
    run(mixed("float32"), [&](train::Trainer& trainer, const train::Event& event) {
      if (std::holds_alternative<train::EpochDone>(event)) {
        QVERIFY(trainer.checkpoint()->scaler.empty());
      }
    });
  }

  void is_part_of_the_project() {
    graph::Project project = mixed("bfloat16");
    project.run.allow_tf32 = true;
    const std::string text = graph::to_json(project);
    QVERIFY(text.find("\"precision\": \"bfloat16\"") != std::string::npos);
    const graph::Project read = graph::project_from_json(text, "a test");
    QCOMPARE(read.run.precision, std::string("bfloat16"));
    QVERIFY(read.run.allow_tf32);
    const std::string plain = graph::to_json(mixed("float32"));
    QVERIFY(graph::project_from_json(plain, "a test").run == mixed("float32").run);
  }

  void other_precisions_are_refused() {
    graph::Project project = mixed("float64");
    QVERIFY(!graph::problems_of(project.run).empty());
    project = mixed("float16");
    QVERIFY(graph::problems_of(project.run).empty());
    project.run.optimizer = {"LBFGS", {}};
    QCOMPARE(graph::problems_of(project.run).size(), size_t{1});
    project.run.precision = "bfloat16";
    QVERIFY(graph::problems_of(project.run).empty());
  }
};

QTEST_GUILESS_MAIN(TestPrecision)
#include "test_precision.moc"
