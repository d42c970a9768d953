#include <QTemporaryDir>
#include <QTest>
#include <cmath>

#include "core/data/dataset.h"
#include "core/graph/project.h"
#include "tests/cli/child.h"
#include "tests/core/graph/graphs.h"
#include "tests/support/python.h"

using namespace nw;
using namespace nw::cli_test;

namespace {

constexpr int kSteps = 200;
constexpr double kTolerance = 1e-4;

graph::Project project_of(graph::Graph graph, graph::Choice data, graph::Choice optimizer) {
  graph::Project project;
  project.graph = std::move(graph);
  project.run.data = std::move(data);
  project.run.optimizer = std::move(optimizer);
  project.run.epochs = 1;
  project.run.batch_size = 32;
  project.run.validation = 0.1;
  project.run.seed = 11;
  return project;
}

/// Enough points for more steps than are compared, in epochs that end in between.
graph::Choice points(const char* id) {
  return {id, {{"samples", int64_t{2400}}}};
}

graph::Project mlp_on_spirals() {
  graph::Project project =
      project_of(test::mlp({32, 32}, 2), points("spirals"), {"Adam", {{"lr", 0.01}}});
  project.run.epochs = 4;
  return project;
}

/// Dropout between the last layers.
graph::Project lenet(double dropout) {
  test::Chain chain;
  chain.add("Input");
  chain.add("Conv2d",
            {{"out_channels", int64_t{6}}, {"kernel_size", int64_t{5}}, {"padding", int64_t{2}}},
            "conv1");
  chain.add("ReLU");
  chain.add("MaxPool2d", {{"kernel_size", int64_t{2}}});
  chain.add("Conv2d", {{"out_channels", int64_t{16}}, {"kernel_size", int64_t{5}}}, "conv2");
  chain.add("ReLU");
  chain.add("MaxPool2d", {{"kernel_size", int64_t{2}}});
  chain.add("Flatten");
  chain.add("Linear", {{"out_features", int64_t{84}}}, "fc1");
  chain.add("ReLU");
  if (dropout > 0) chain.add("Dropout", {{"p", dropout}});
  chain.add("Linear", {{"out_features", int64_t{10}}}, "fc2");
  chain.add("CrossEntropyLoss");
  // A small rate: at larger ones the last bit of a sum decides which of two almost equal pixels a
  // pool picks, and even two builds of PyTorch part after some dozen steps.
  return project_of(chain.graph, {"FashionMNIST", {}}, {"SGD", {{"lr", 0.01}}});
}

graph::Project batch_norm_net() {
  test::Chain chain;
  chain.add("Input");
  chain.add("Conv2d",
            {{"out_channels", int64_t{8}}, {"kernel_size", int64_t{3}}, {"stride", int64_t{2}}},
            "features.conv");
  chain.add("BatchNorm2d", {}, "features.norm");
  chain.add("Tanh", {}, "features.tanh");
  chain.add("AvgPool2d", {{"kernel_size", int64_t{2}}}, "features.pool");
  chain.add("Flatten");
  chain.add("Linear", {{"out_features", int64_t{10}}});
  chain.add("CrossEntropyLoss", {{"label_smoothing", 0.1}});
  return project_of(chain.graph, {"FashionMNIST", {}}, {"SGD", {{"lr", 0.02}}});
}

/// The rows of an image are the steps of a sequence. The LSTM has several outputs, so the script
/// needs a class.
graph::Project lstm_on_rows() {
  test::Chain chain;
  chain.add("Input");
  chain.add("Flatten", {{"end_dim", int64_t{2}}}, "rows");
  chain.add("LSTM", {{"hidden_size", int64_t{32}}, {"batch_first", true}}, "lstm");
  chain.add("Flatten", {}, "flat");
  chain.add("Linear", {{"out_features", int64_t{10}}}, "fc");
  chain.add("CrossEntropyLoss");
  return project_of(chain.graph, {"FashionMNIST", {}}, {"Adam", {}});
}

graph::Project regression() {
  test::Chain chain;
  chain.add("Input");
  chain.add("Linear", {{"out_features", int64_t{32}}});
  chain.add("Tanh");
  chain.add("Linear", {{"out_features", int64_t{1}}});
  chain.add("MSELoss");
  graph::Project project =
      project_of(chain.graph, points("noisy-sine"), {"SGD", {{"lr", 0.05}, {"momentum", 0.9}}});
  project.run.epochs = 4;
  return project;
}

/// Branches that meet again, a loss that adds up, and the input as the target.
graph::Project two_branches() {
  test::Chain chain;
  chain.add("Input");                                             // 1
  chain.add("Linear", {{"out_features", int64_t{16}}}, "left");   // 2
  chain.add("Tanh");                                              // 3
  chain.add("Linear", {{"out_features", int64_t{16}}}, "right");  // 4
  chain.add("Add");                                               // 5
  chain.add("Linear", {{"out_features", int64_t{2}}}, "out");     // 6
  chain.add("MSELoss", {{"reduction", std::string("sum")}});      // 7
  graph::Graph graph = chain.graph;
  graph.wires.erase(graph.wires.begin() + 2);  // 3 -> 4
  graph.wires.push_back({{1, "output"}, {4, "input"}});
  graph.wires.push_back({{3, "output"}, {5, nn::blocks().find("Add")->inputs[1].name}});
  graph.wires.push_back({{1, "output"}, {7, "target"}});
  graph::Project project = project_of(graph, points("two-moons"), {"SGD", {{"lr", 0.002}}});
  project.run.epochs = 4;
  return project;
}

/// LBFGS looks at several points of each batch, with new dropout masks each time. Small rates: its
/// steps grow what rounding leaves.
graph::Project by_closure() {
  test::Chain chain;
  chain.add("Input");
  chain.add("Linear", {{"out_features", int64_t{8}}});
  chain.add("Tanh");
  chain.add("Dropout", {{"p", 0.1}});
  chain.add("Linear", {{"out_features", int64_t{1}}});
  chain.add("MSELoss");
  graph::Project project = project_of(chain.graph, points("noisy-sine"),
                                      {"LBFGS", {{"lr", 0.02}, {"max_iter", int64_t{3}}}});
  project.run.epochs = 4;
  return project;
}

/// One cycle of rates and momenta over the whole run, with clipped gradients.
graph::Project one_cycle() {
  graph::Project project = mlp_on_spirals();
  project.run.optimizer = {"SGD", {{"lr", 0.1}, {"momentum", 0.9}}};
  project.run.schedulers = {{"OneCycleLR", {{"max_lr", 0.2}}}};
  project.run.clip_norm = 0.3;
  return project;
}

/// The validation of averaged weights, statistics included, lowers the rate after a warm-up.
graph::Project plateau_of_averages() {
  graph::Project project = batch_norm_net();
  project.run.schedulers = {
      {"ExponentialLR", {{"gamma", 0.8}}},
      {"ReduceLROnPlateau",
       {{"patience", int64_t{0}}, {"threshold", 0.5}, {"mode", std::string("max")}}}};
  project.run.batch_size = 128;
  project.run.epochs = 4;
  project.run.warmup = 30;
  project.run.ema_decay = 0.95;
  return project;
}

/// Restarts between the epochs' ends; each number of the gradients is held.
graph::Project warm_restarts() {
  graph::Project project = regression();
  project.run.schedulers = {
      {"CosineAnnealingWarmRestarts", {{"T_0", int64_t{1}}, {"T_mult", int64_t{2}}}}};
  project.run.clip_value = 0.2;
  project.run.ema_decay = 0.9;
  return project;
}

struct Model {
  const char* name;
  graph::Project (*make)();
};

const Model kModels[] = {
    {"mlp", mlp_on_spirals},
    {"lenet", [] { return lenet(0); }},
    {"lenet-dropout", [] { return lenet(0.4); }},
    {"batch-norm", batch_norm_net},
    {"lstm", lstm_on_rows},
    {"regression", regression},
    {"branches", two_branches},
    {"lbfgs", by_closure},
    {"one-cycle", one_cycle},
    {"plateau-average", plateau_of_averages},
    {"warm-restarts", warm_restarts},
};

constexpr int kTrainLoss = 2;  // columns of curves.csv
constexpr int kValidationLoss = 4;

std::vector<double> losses_of_csv(const QByteArray& csv, int column) {
  std::vector<double> losses;
  for (const QByteArray& line : csv.split('\n').mid(1)) {
    const QByteArray field = line.isEmpty() ? QByteArray() : line.split(',')[column];
    if (!field.isEmpty()) losses.push_back(field.toDouble());
  }
  return losses;
}

/// Of lines such as "step 3 loss 0.5" and "epoch 1 validation loss 0.5 accuracy 0.8".
std::vector<double> losses_of_script(const QByteArray& printed, const QByteArray& head) {
  std::vector<double> losses;
  for (const QByteArray& line : printed.split('\n')) {
    const QList<QByteArray> words = line.split(' ');
    const qsizetype at = words.indexOf("loss");
    if (words[0] == head && at > 0) losses.push_back(words[at + 1].toDouble());
  }
  return losses;
}

double largest_difference(const std::vector<double>& ours, const std::vector<double>& theirs,
                          size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::abs(ours[i] - theirs[i]) / std::abs(theirs[i]));
  }
  return largest;
}

}  // namespace

/// The script that `export --format python` writes prints the losses of our own run.
class TestPythonTwin : public QObject {
  Q_OBJECT

 private slots:
  void same_losses_data() {
    QTest::addColumn<int>("index");
    for (int i = 0; i < int(std::size(kModels)); ++i) QTest::newRow(kModels[i].name) << i;
  }

  void same_losses() {
    QFETCH(int, index);
    graph::Project project = kModels[index].make();
    const bool images = project.run.data.id == "FashionMNIST";
    if (images) use_fewer_images(project);
    const QString name = kModels[index].name;
    const QString path = folder_.filePath(name + ".netwright");
    graph::save_project(project, path.toStdString());

    const Result trained = run({"train", path, "--out", folder_.filePath(name)});
    VERIFY_CHILD(trained.code == 0, trained);
    const QString script = folder_.filePath(name + ".py");
    const Result exported = run({"export", path, "--format", "python", "-o", script});
    VERIFY_CHILD(exported.code == 0, exported);

    const QByteArray printed = run_script(script);
    QFile curves(folder_.filePath(name + "/curves.csv"));
    QVERIFY(curves.open(QIODevice::ReadOnly));
    const QByteArray csv = curves.readAll();
    const auto ours = losses_of_csv(csv, kTrainLoss);
    const auto theirs = losses_of_script(printed, "step");
    QVERIFY2(theirs.size() >= kSteps, printed.right(2000));
    QVERIFY(ours.size() >= theirs.size());
    const double largest = largest_difference(ours, theirs, kSteps);
    const auto validated = losses_of_script(printed, "epoch");
    const auto validated_here = losses_of_csv(csv, kValidationLoss);
    QVERIFY(validated_here.size() >= validated.size());
    const double validation = largest_difference(validated_here, validated, validated.size());
    qInfo("%s: largest relative difference of %d losses: %.2g, of %zu validations: %.2g",
          kModels[index].name, kSteps, largest, validated.size(), validation);
    QVERIFY(validation <= kTolerance);
    QVERIFY(largest <= kTolerance);
  }

 private:
  /// 7 200 images are 203 batches to train on.
  void use_fewer_images(graph::Project& project) {
    const QString prefix = folder_.filePath("small");
    if (!QFile::exists(prefix + "-images")) {
      nn::Args args;
      const std::string root = graph::find_data(project.run.data, args).complete(args).text("root");
      runPython(QString("import gzip\n"
                        "for name, head, size in ('images-idx3', 16, 784), ('labels-idx1', 8, 1):\n"
                        "    with gzip.open('%1/train-' + name + '-ubyte.gz') as file:\n"
                        "        data = bytearray(file.read(head + 7200 * size))\n"
                        "    data[4:8] = (7200).to_bytes(4, 'big')\n"
                        "    open('%2-' + name[:6], 'wb').write(data)\n")
                    .arg(QString::fromStdString(root), prefix));
    }
    const auto file = [&](const char* part) { return (prefix + part).toStdString(); };
    project.run.data = {"IDX",
                        {{"train_images", file("-images")},
                         {"train_labels", file("-labels")},
                         {"classes", int64_t{10}}}};
  }

  static QByteArray run_script(const QString& script) {
    constexpr int kPatienceMs = 300'000;
    QProcess process;
    process.start(kPython, {script, "--steps", QString::number(kSteps)});
    if (!process.waitForFinished(kPatienceMs) || process.exitCode() != 0) {
      QTest::qFail(process.readAllStandardError(), __FILE__, __LINE__);
    }
    return process.readAllStandardOutput();
  }

  QTemporaryDir folder_;
};

QTEST_GUILESS_MAIN(TestPythonTwin)
#include "test_python_twin.moc"
