#include <QTest>
#include <cmath>

#include "core/backend/creation.h"
#include "tests/core/train/runs.h"
#include "tests/support/compare.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::train;
using nw::test::text;

namespace {

/// Reads what the trainer reads, so that 60,000 images need not be sent over.
const char* const kReadFashionMnist = R"(
import gzip
def read(name, skip):
    with gzip.open(root + "/" + name + "-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=skip)
def samples(part):
    images = torch.from_numpy(read(part + "-images-idx3", 16).astype(np.float32) / 255)
    return images.reshape(-1, 1, 28, 28), torch.from_numpy(read(part + "-labels-idx1", 8).astype(np.int64))
(x, t), (x_test, t_test) = samples("train"), samples("t10k")
)";

/// The script that the trainer stands for. Wants x, t (the training samples), x_test, t_test,
/// make_model, make_optimizer and the settings.
const char* const kScript = R"(
from torch.utils.data import DataLoader, TensorDataset, random_split

data = TensorDataset(x, t)
v = int(len(data) * share)
train, validation = random_split(data, [len(data) - v, v], torch.Generator().manual_seed(seed))
torch.manual_seed(seed)
model = make_model()
initial = torch.cat([p.detach().reshape(-1).clone() for p in model.parameters()])
optimizer = make_optimizer(model.parameters())
losses, validation_losses = [], []
for epoch in range(epochs):
    model.train()
    for a, b in DataLoader(train, batch_size, shuffle=True):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(a), b)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if len(losses) == steps:
            break
    model.eval()
    with torch.no_grad():
        a, b = x[validation.indices], t[validation.indices]
        validation_losses.append(F.cross_entropy(model(a), b).item())
        test_loss = F.cross_entropy(model(x_test), t_test)
losses = torch.tensor(losses, dtype=torch.float64)
validation_losses = torch.tensor(validation_losses, dtype=torch.float64)
final = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
)";

constexpr int64_t kFirstSteps = 50;

struct Samples {
  Tensor x;
  Tensor t;
};

Samples all_of(const data::Dataset& dataset) {
  std::vector<int64_t> order(static_cast<size_t>(dataset.size()));
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  Dims sizes = dataset.sample_sizes();
  sizes.insert(0, dataset.size());
  const Samples samples{empty(sizes), empty({dataset.size()}, DType::Int64)};
  dataset.read(order, samples.x, samples.t);
  return samples;
}

Tensor tensor_of_floats(const std::vector<float>& values) {
  return tensor_of<float>(values, {static_cast<int64_t>(values.size())});
}

/// The largest relative difference.
double distance(const std::vector<double>& ours, const Tensor& theirs) {
  double largest = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    const double other = theirs.data<double>()[i];
    largest = std::max(largest, std::abs(ours[i] - other) / std::abs(other));
  }
  return largest;
}

}  // namespace

class TestTrainerOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str()); }

  void sgdWithDropout() {
    graph::Project project = test::spirals(0.25);
    compare(project,
            "nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Dropout(0.25), nn.Linear(16, 16), "
            "nn.Tanh(), nn.Dropout(0.25), nn.Linear(16, 2))",
            "optim.SGD(p, lr=0.1, momentum=0.9)", 60);
  }

  void adam() {
    graph::Project project = test::spirals();
    project.run.optimizer = {"Adam", {{"lr", 0.01}}};
    project.run.batch_size = 50;  // the last batch of 640 is smaller
    project.run.seed = 123456789012;
    compare(project,
            "nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), "
            "nn.Linear(16, 2))",
            "optim.Adam(p, lr=0.01)", 39);
  }

  void leNetOnFashionMnist() {
    graph::Project project;
    project.graph = test::lenet();
    // A small rate: at larger ones the last bits of a sum decide which of two almost equal pixels a
    // pool picks, and PyTorch's own float32 and float64 runs part after a dozen steps.
    project.run.optimizer = {"SGD", {{"lr", 0.01}, {"momentum", 0.9}}};
    project.run.epochs = 1;
    const graph::DataStatus status = graph::data_status(project.run.data);
    QVERIFY2(status.problem.empty(), status.problem.c_str());
    compare(project,
            "nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), "
            "nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), "
            "nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))",
            "optim.SGD(p, lr=0.01, momentum=0.9)", kFirstSteps);
  }

 private:
  /// Runs the project here and the same script there, to the end or for the first steps only.
  void compare(const graph::Project& project, const std::string& model,
               const std::string& optimizer, int64_t steps) {
    const bool cut = steps == kFirstSteps;
    nn::Args args;
    const data::Splits splits = graph::find_data(project.run.data, args).load(args);
    const graph::RunSettings& run = project.run;
    const std::string code =
        concat("make_model = lambda: ", model, "\nmake_optimizer = lambda p: ", optimizer,
               "\nshare, seed, epochs = ", run.validation, ", ", run.seed, ", ", run.epochs,
               "\nbatch_size, steps = ", run.batch_size, ", ", steps, "\n", kScript);
    const auto reply =
        oracle_.run(cut ? read_images(args) + code : code, cut ? Inputs() : samples(splits),
                    {"initial", "losses", "validation_losses", "test_loss", "final"});
    QVERIFY2(reply.ok(), reply.error.c_str());

    std::vector<float> initial;
    nn::StateDict state;
    const test::Story story = test::run(
        project,
        [&](Trainer& trainer, const train::Event& event) {
          const auto* step = std::get_if<StepDone>(&event);
          if (std::holds_alternative<Started>(event)) initial = test::numbers(trainer.state_dict());
          if (cut && step != nullptr && step->step == steps) trainer.stop();
        },
        &state);

    QCOMPARE(text(test::bit_difference(tensor_of_floats(initial), reply["initial"], "initial")),
             QString());
    const std::vector<double> losses = story.losses();
    QCOMPARE(int64_t(losses.size()), steps);
    QCOMPARE(reply["losses"].numel(), steps);
    const double loss_distance = distance(losses, reply["losses"]);
    qInfo("largest relative difference of %lld losses: %.2g", static_cast<long long>(steps),
          loss_distance);
    QVERIFY(loss_distance <= 1e-4);
    QCOMPARE(text(test::difference(tensor_of_floats(test::numbers(state)), reply["final"], "final",
                                   1000)),
             QString());
    if (cut) return;

    std::vector<double> validation;
    for (const EpochDone& epoch : story.all<EpochDone>())
      validation.push_back(*epoch.validation_loss);
    QVERIFY(distance(validation, reply["validation_losses"]) <= 1e-4);
    QVERIFY(std::abs(*story.end().test_loss / reply["test_loss"].item() - 1) <= 1e-4);
  }

  using Inputs = test::Oracle::Inputs;

  static std::string read_images(const nn::Args& args) {
    return concat("root = '", args.text("root"), "'", kReadFashionMnist);
  }

  static Inputs samples(const data::Splits& splits) {
    const Samples train = all_of(*splits.train);
    const Samples rest = all_of(*splits.test);
    return {{"x", train.x}, {"t", train.t}, {"x_test", rest.x}, {"t_test", rest.t}};
  }

  test::Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestTrainerOracle)
#include "test_trainer_oracle.moc"
