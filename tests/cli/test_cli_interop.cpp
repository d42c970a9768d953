#include <numeric>

#include "core/backend/creation.h"
#include "core/data/dataset.h"
#include "core/graph/model.h"
#include "core/graph/project.h"
#include "core/io/state_file.h"
#include "tests/cli/child.h"

using namespace nw::cli_test;

namespace {

constexpr const char* kPython = "/usr/bin/python3";  // Debian's, which has PyTorch

/// What a user of PyTorch does with the files: builds the same nn.Sequential, loads strictly, and
/// compares logits and test accuracy. Arguments: folder, example.
constexpr const char* kScript = R"(
import gzip, sys
import numpy as np, torch
from torch import nn

folder, example = sys.argv[1:]
x = torch.from_numpy(np.fromfile(folder + "/x.bin", np.float32))
logits = torch.from_numpy(np.fromfile(folder + "/logits.bin", np.float32))
state = torch.load(f"{folder}/{example}.pt", weights_only=True)
if example == "spirals":
    widths = [state["0.weight"].shape[1]] + [v.shape[0] for k, v in state.items() if "weight" in k]
    layers = []
    for n, m in zip(widths, widths[1:]):
        layers += [nn.Linear(n, m), nn.Tanh()]
    model, x = nn.Sequential(*layers[:-1]), x.reshape(-1, 2)
else:
    x = x.reshape(-1, 1, 28, 28)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
print("keys", model.load_state_dict(state, strict=True))
model.eval()
with torch.no_grad():
    out = model(x)
print("difference", (out - logits.reshape(out.shape)).abs().max().item())
if example == "lenet":
    place = "/usr/share/datasets/fashion-mnist/t10k-"
    images = np.frombuffer(gzip.open(place + "images-idx3-ubyte.gz").read(), np.uint8, offset=16)
    labels = np.frombuffer(gzip.open(place + "labels-idx1-ubyte.gz").read(), np.uint8, offset=8)
    images = torch.from_numpy(images.reshape(-1, 1, 28, 28).copy()).float() / 255
    with torch.no_grad():
        hits = (model(images).argmax(1).numpy() == labels).sum()
    print("accuracy", hits / len(labels))
)";

QByteArray floats(const nw::Tensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.data<float>()),
          static_cast<qsizetype>(tensor.numel() * sizeof(float))};
}

/// Our own logits of all test samples, beside their input.
void write_logits(const QString& folder, const QString& example_name) {
  constexpr int64_t kBatch = 250;
  const auto project = nw::graph::load_project(example(example_name + ".netwright").toStdString());
  nw::nn::Args args;
  const nw::data::DatasetSpec& spec = nw::graph::find_data(project.run.data, args);
  const auto model = nw::graph::build(project.graph, spec.signature(args));
  model->load_state_dict(
      nw::io::load_state((folder + "/" + example_name + ".safetensors").toStdString()));
  model->eval();

  const auto test = spec.load(args).test;
  QByteArray inputs;
  QByteArray logits;
  for (int64_t begin = 0; begin < test->size(); begin += kBatch) {
    std::vector<int64_t> indices(static_cast<size_t>(std::min(kBatch, test->size() - begin)));
    std::iota(indices.begin(), indices.end(), begin);
    const auto count = static_cast<int64_t>(indices.size());
    nw::Dims sizes{count};
    for (const int64_t size : test->sample_sizes()) sizes.push_back(size);
    const nw::Tensor x = nw::empty(sizes);
    const nw::Tensor y = nw::empty({count}, nw::DType::Int64);
    test->read(indices, x, y);
    inputs += floats(x);
    logits += floats(nw::raw::contiguous(model->forward({x})[0]));
  }
  write(folder + "/x.bin", inputs);
  write(folder + "/logits.bin", logits);
}

}  // namespace

/// The way to PyTorch, from the command line to load_state_dict.
class TestCliInterop : public QObject {
  Q_OBJECT

 private slots:
  void torch_agrees_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("epochs");
    QTest::newRow("spirals") << "spirals"
                             << "5";
    // The whole example; a part of it where a sanitizer makes each step slow.
    QTest::newRow("lenet") << "lenet"
                           << (qEnvironmentVariableIsSet("NW_TEST_PATIENCE") ? "1" : "5");
  }

  void torch_agrees() {
    QFETCH(QString, name);
    QFETCH(QString, epochs);
    QTemporaryDir folder;
    const QString project = example(name + ".netwright");
    Result result =
        run({"train", project, "--epochs", epochs, "--out", folder.filePath("run"), "--json"});
    VERIFY_CHILD(result.code == 0, result);
    // Through both formats, so that the file that PyTorch reads is one that `export` wrote.
    result = run({"export", project, "--weights", folder.filePath("run/" + name + ".pt"), "-o",
                  folder.filePath(name + ".safetensors")});
    VERIFY_CHILD(result.code == 0, result);
    result = run({"export", project, "--weights", folder.filePath(name + ".safetensors"), "-o",
                  folder.filePath(name + ".pt")});
    VERIFY_CHILD(result.code == 0, result);
    const Result eval =
        run({"eval", project, "--weights", folder.filePath(name + ".pt"), "--json"});
    VERIFY_CHILD(eval.code == 0, eval);
    write_logits(folder.path(), name);

    QProcess python;
    python.start(kPython, {"-c", kScript, folder.path(), name});
    QVERIFY(python.waitForFinished(kWaitMs));
    const QByteArray said = python.readAllStandardOutput();
    QVERIFY2(python.exitCode() == 0, python.readAllStandardError().constData());
    QVERIFY2(said.contains("<All keys matched successfully>"), said.constData());
    const auto figure = [&](const QByteArray& label) {
      for (const QByteArray& line : said.split('\n')) {
        if (line.startsWith(label + ' ')) return line.mid(label.size() + 1).toDouble();
      }
      return std::numeric_limits<double>::quiet_NaN();
    };
    qInfo("largest difference of the logits: %g", figure("difference"));
    QVERIFY2(figure("difference") <= 1e-5, said.constData());
    if (name == "lenet") QCOMPARE(figure("accuracy"), eval.json()["test_accuracy"].toDouble());
  }
};

QTEST_GUILESS_MAIN(TestCliInterop)
#include "test_cli_interop.moc"
