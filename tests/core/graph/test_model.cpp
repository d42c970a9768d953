#include "core/graph/model.h"

#include <QTest>

#include "core/autograd/engine.h"
#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/base/random.h"
#include "tests/core/graph/graphs.h"
#include "tests/support/compare.h"
#include "tests/support/draw.h"
#include "tests/support/oracle.h"

using namespace nw;
using namespace nw::graph;
using nw::test::text;

namespace {

/// The very network that test::lenet() draws.
const char* const kLeNet = R"(
torch.manual_seed(11)
m = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5),
                  nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(),
                  nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
keys = "\n".join(m.state_dict())
weights = torch.cat([p.detach().reshape(-1) for p in m.parameters()])
y = m(x)
loss = F.cross_entropy(y, t)
loss.backward()
grads = torch.cat([p.grad.reshape(-1) for p in m.parameters()])
)";

Tensor joined(const std::vector<Tensor>& tensors) {
  int64_t count = 0;
  for (const Tensor& tensor : tensors) count += tensor.numel();
  const Tensor out = empty({count});
  float* to = out.data<float>();
  for (const Tensor& tensor : tensors) {
    const Tensor dense = raw::contiguous(tensor.detach());
    to = std::copy_n(dense.data<float>(), dense.numel(), to);
  }
  return out;
}

}  // namespace

class TestModel : public QObject {
  Q_OBJECT

 private slots:
  void isTheSameAsSequential() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test::Draw draw(test::test_seed());
    const Tensor x = draw.numbers({4, 1, 28, 28}, DType::Float32);
    const Tensor t = draw.whole({4}, 0, 9);
    const auto reply =
        oracle_.run(kLeNet, {{"x", x}, {"t", t}}, {"keys", "weights", "y", "loss", "grads"});
    QVERIFY2(reply.ok(), reply.error.c_str());

    manual_seed(11);
    const auto model = build(test::lenet(), test::images());
    std::string keys;
    for (const auto& entry : model->state_dict().entries) {
      keys += (keys.empty() ? "" : "\n") + entry.key;
    }
    QCOMPARE(text(keys), text(reply.texts.at("keys")));
    QCOMPARE(text(test::bit_difference(joined(model->parameters()), reply["weights"], "weights")),
             QString());

    const Tensor y = model->forward({x})[0];
    QCOMPARE(text(test::difference(y, reply["y"], "prediction")), QString());
    const Tensor loss = model->loss(y, t, x);
    QCOMPARE(text(test::difference(loss, reply["loss"], "loss")), QString());
    autograd::backward(loss);
    std::vector<Tensor> grads;
    for (const Tensor& parameter : model->parameters()) grads.push_back(parameter.grad());
    QCOMPARE(text(test::difference(joined(grads), reply["grads"], "gradients")), QString());
  }

  void namedLayersKeepTheirNames() {
    Graph graph = test::mlp({8}, 2);
    graph.find(2)->name = "fc1";
    const auto model = build(graph, {{2}, {}, DType::Int64, 2});
    QStringList keys;
    for (const auto& entry : model->state_dict().entries) keys << text(entry.key);
    QCOMPARE(keys, (QStringList{"fc1.weight", "fc1.bias", "2.weight", "2.bias"}));
  }

  void layersBesideTheWayAreLeftOut() {
    Graph graph = test::mlp({8}, 2);
    graph.nodes.push_back({.id = 50, .block = "Linear"});
    graph.wires.push_back({{1, "output"}, {50, "input"}});
    manual_seed(3);
    const auto with = build(graph, {{2}, {}, DType::Int64, 2});
    manual_seed(3);
    const auto without = build(test::mlp({8}, 2), {{2}, {}, DType::Int64, 2});
    QCOMPARE(with->state_dict().entries.size(), without->state_dict().entries.size());
    QCOMPARE(text(test::bit_difference(joined(with->parameters()), joined(without->parameters()),
                                       "weights")),
             QString());
  }

  void keepsNoTensorLonger() {
    const auto model = build(test::mlp({8}, 2), {{2}, {}, DType::Int64, 2});
    const Tensor x = full({3, 2}, 0.5);
    const autograd::NoGrad no_grad;
    const Tensor y = model->forward({x})[0];
    QCOMPARE(x.use_count(), 1);
    QCOMPARE(y.use_count(), 1);
  }

  void lossMayCompareWithTheInput() {
    test::Chain chain;
    const NodeId input = chain.add("Input");
    chain.add("Linear", {{"out_features", int64_t{2}}});
    const NodeId loss = chain.add("MSELoss");
    chain.graph.wires.push_back({{input, "output"}, {loss, "target"}});
    const auto model = build(chain.graph, {{2}, {}, DType::Int64, 3});
    QVERIFY(!model->learns_targets());
    const Tensor x = full({5, 2}, 0.5);
    const Tensor y = model->forward({x})[0];
    const double value = model->loss(y, Tensor(), x).item();
    double expected = 0;
    for (int64_t i = 0; i < 10; ++i) {
      const double miss = y.data<float>()[i] - 0.5;
      expected += miss * miss / 10;
    }
    QVERIFY(std::abs(value - expected) < 1e-6);
  }

  void lossMayCompareWithAnotherLayer() {
    test::Chain chain;
    chain.add("Input");
    const NodeId first = chain.add("Linear", {{"out_features", int64_t{2}}});
    chain.add("Linear", {{"out_features", int64_t{2}}});
    const NodeId loss = chain.add("MSELoss");
    chain.graph.wires.push_back({{first, "output"}, {loss, "target"}});
    const auto model = build(chain.graph, {{2}, {}, DType::Int64, 3});
    const Tensor x = full({5, 2}, 0.5);
    const auto layers = model->named_children();
    const Tensor hidden = (*layers[0].second)(x);
    const Tensor y = model->forward({x})[0];
    double expected = 0;
    for (int64_t i = 0; i < 10; ++i) {
      const double miss = y.data<float>()[i] - hidden.data<float>()[i];
      expected += miss * miss / 10;
    }
    QVERIFY(std::abs(model->loss(y, Tensor(), x).item() - expected) < 1e-6);
  }

  void refusesABadGraph() {
    Graph graph = test::lenet();
    graph.find(9)->args.set("in_features", int64_t{7});
    try {
      build(graph, test::images());
      QFAIL("a graph with a mistake was built");
    } catch (const Error& error) {
      QCOMPARE(text(error.text()),
               QString("[Linear] expects 7 features on the last dimension, gets 400 (16×5×5)"));
    }
  }

 private:
  test::Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestModel)
#include "test_model.moc"
