#include <QFile>
#include <QTemporaryDir>
#include <QTest>
#include <cmath>

#include "core/base/file.h"
#include "tests/core/train/runs.h"

using namespace nw;
using namespace nw::train;
using nw::test::text;

namespace {

/// An IDX file of bytes: `count` samples of 2×2, or labels when `label` is given.
void write_idx(const std::string& path, int count, const std::vector<uint8_t>* labels = nullptr) {
  std::string bytes = {0, 0, 8, static_cast<char>(labels != nullptr ? 1 : 3)};
  const auto number = [&](int value) {
    for (int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 255);
  };
  number(count);
  if (labels == nullptr) {
    number(2);
    number(2);
    bytes.append(static_cast<size_t>(count) * 4, '\x40');
  } else {
    bytes.append(labels->begin(), labels->end());
  }
  write_file_atomically(path, bytes);
}

QString failure(const graph::Project& project) {
  const test::Story story = test::run(project);
  if (story.end().outcome != Outcome::Failed) return "it did not fail";
  return text(story.end().text);
}

}  // namespace

class TestTrainerFailures : public QObject {
  Q_OBJECT

 private slots:
  void settings_data() {
    QTest::addColumn<QString>("what");
    QTest::addColumn<QString>("expected");
    QTest::newRow("optimizer") << "optimizer"
                               << "[run] the optimizer \"Nonsense\" is unknown";
    QTest::newRow("data") << "data"
                          << "[run] the data set \"Nonsense\" is unknown";
    QTest::newRow("device") << "device"
                            << "cuda";
    QTest::newRow("lr") << "lr"
                        << "[SGD] lr must be";
    QTest::newRow("noise") << "noise"
                           << "[spirals] noise must be at least 0, is -1";
    QTest::newRow("epochs") << "epochs"
                            << "[run] epochs must be at least 1, is 0";
    QTest::newRow("validation") << "validation"
                                << "[run] validation must be less than 1, is 1";
    QTest::newRow("batch") << "batch"
                           << "batch_size 641 is larger than the 640 training samples";
    QTest::newRow("graph") << "graph"
                           << "[Linear] expects 3 features on the last dimension, gets 2";
    QTest::newRow("loss") << "loss"
                          << "[graph] has no loss";
  }
  void settings() {
    QFETCH(QString, what);
    QFETCH(QString, expected);
    graph::Project project = test::spirals();
    if (what == "optimizer") project.run.optimizer.id = "Nonsense";
    if (what == "data") project.run.data.id = "Nonsense";
    if (what == "device") project.run.device = "cuda:0";
    if (what == "lr") project.run.optimizer.args.set("lr", -1.0);
    if (what == "noise") project.run.data.args.set("noise", -1.0);
    if (what == "epochs") project.run.epochs = 0;
    if (what == "validation") project.run.validation = 1;
    if (what == "batch") project.run.batch_size = 641;
    if (what == "graph") project.graph.find(2)->args.set("in_features", int64_t{3});
    if (what == "loss") {
      project.graph.nodes.pop_back();
      project.graph.wires.pop_back();
    }
    const QString error = failure(project);
    QVERIFY2(error.contains(expected), qPrintable(error));
    QVERIFY2(error.startsWith('['), qPrintable(error));
  }

  void files() {
    const QTemporaryDir folder;
    const std::string images = folder.filePath("images").toStdString();
    const std::string labels = folder.filePath("labels").toStdString();
    graph::Project project = test::spirals();
    test::Chain chain;
    chain.add("Input");
    chain.add("Flatten");
    chain.add("Linear", {{"out_features", int64_t{10}}});
    chain.add("CrossEntropyLoss");
    project.graph = chain.graph;
    project.run.data = {"IDX", {{"train_images", images}, {"train_labels", labels}}};
    project.run.batch_size = 8;

    const QString missing = failure(project);
    QVERIFY2(missing.contains("images in " + folder.path()), qPrintable(missing));

    std::vector<uint8_t> classes(40, 3);
    write_idx(images, 40);
    write_idx(labels, 40, &classes);
    QVERIFY(test::run(project).end().outcome == Outcome::Completed);

    classes[17] = 12;
    write_idx(labels, 40, &classes);
    const QString outside = failure(project);
    QVERIFY2(outside.contains("12"), qPrintable(outside));
    qInfo("%s", qPrintable(outside));

    classes[17] = 9;
    write_idx(labels, 40, &classes);
    write_file_atomically(images, read_file(images).substr(0, 60));
    const QString truncated = failure(project);
    QVERIFY2(truncated.contains("images"), qPrintable(truncated));
    qInfo("%s", qPrintable(truncated));

    classes.clear();
    write_idx(images, 0);
    write_idx(labels, 0, &classes);
    const QString empty = failure(project);
    QVERIFY2(empty.contains("no samples") || empty.contains("empty"), qPrintable(empty));
    qInfo("%s", qPrintable(empty));
  }

  void aLossThatIsNoNumberEndsTheRunThere() {
    graph::Project project = test::spirals();
    project.graph = test::mlp({16, 16}, 2, "ReLU");
    project.run.optimizer = {"SGD", {{"lr", 1e18}}};
    std::vector<float> last;
    nn::StateDict state;
    const test::Story story = test::run(
        project,
        [&](Trainer& trainer, const train::Event& event) {
          if (std::holds_alternative<StepDone>(event)) last = test::numbers(trainer.state_dict());
        },
        &state);
    const Finished& end = story.end();
    QVERIFY(end.outcome == Outcome::Diverged);
    const auto steps = story.all<StepDone>();
    QCOMPARE(end.step, int64_t(steps.size() + 1));
    for (const StepDone& step : steps) QVERIFY(std::isfinite(step.loss));
    const QString expected =
        QString(
            " at step %1 (epoch 1, batch %1); the weights are kept as they were then. Lower "
            "the learning rate (now 1e+18)")
            .arg(end.step);
    QVERIFY2(text(end.text).startsWith("The loss became "), end.text.c_str());
    QVERIFY2(text(end.text).contains(expected), end.text.c_str());
    QVERIFY(!last.empty());
    const std::vector<float> kept = test::numbers(state);
    QCOMPARE(kept.size(), last.size());
    QVERIFY(std::memcmp(kept.data(), last.data(), last.size() * sizeof(float)) == 0);
    QVERIFY(!end.test_loss);
  }
};

QTEST_GUILESS_MAIN(TestTrainerFailures)
#include "test_trainer_failures.moc"
