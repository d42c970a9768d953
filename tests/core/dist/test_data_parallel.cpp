#include "core/dist/data_parallel.h"

#include <QtTest>
#include <cmath>
#include <set>

#include "core/autograd/node.h"
#include "core/optim/optimizer.h"
#include "tests/core/dist/nets.h"

using namespace nw;
using namespace nw::test;
using dist::DataParallel;

namespace {

template <typename... Layers>
DataParallel::Make maker(Layers... layers) {
  return [layers...]() -> std::unique_ptr<nn::Module> {
    auto net = std::make_unique<nn::Sequential>();
    (net->append(nn::make_module(nn::parse_call(layers))), ...);
    return net;
  };
}

DataParallel::Make small() {
  return maker("nn.Linear(4, 8)", "nn.Tanh()", "nn.Linear(8, 3)");
}

std::vector<Device> replicas(size_t count) {
  return std::vector<Device>(count, kCpu);
}

std::vector<int64_t> first(int64_t count) {
  return share_of(count, 0, 1);
}

std::vector<float> values(const Tensor& x) {
  const Tensor dense = raw::contiguous(x);
  return {dense.data<float>(), dense.data<float>() + dense.numel()};
}

}  // namespace

class TestDataParallel : public QObject {
  Q_OBJECT

 private slots:
  void equalsTheModuleAlone_data() {
    QTest::addColumn<int>("count");
    QTest::addColumn<int>("batch");
    for (const auto& [count, batch] : {std::pair{1, 6}, {2, 6}, {3, 7}, {4, 7}, {8, 5}}) {
      QTest::addRow("%d replicas, %d rows", count, batch) << count << batch;
    }
  }

  void equalsTheModuleAlone() {
    QFETCH(int, count);
    QFETCH(int, batch);
    const auto alone = small_net();
    manual_seed(1);
    DataParallel parallel(small(), {.device_ids = replicas(static_cast<size_t>(count))});
    QCOMPARE(weights_of(parallel), weights_of(*alone));
    const auto optimizer = optim::make_optimizer("SGD", parallel.parameters(), {{"lr", 0.1}});
    const auto other = optim::make_optimizer("SGD", alone->parameters(), {{"lr", 0.1}});
    for (int64_t step = 0; step < 20; ++step) {
      const Tensor x = rows(step, first(batch));
      optimizer->zero_grad();
      const Tensor y = parallel(x);
      QCOMPARE(y.sizes(), (Dims{batch, 3}));
      autograd::backward(loss_of(y));
      optimizer->step();
      other->zero_grad();
      autograd::backward(loss_of((*alone)(x)));
      other->step();
      QVERIFY(distance(gradients_of(parallel), gradients_of(*alone)) < 1e-6);
    }
    QVERIFY(distance(weights_of(parallel), weights_of(*alone)) < 1e-5);
    QVERIFY(distance(weights_of(*alone), weights_of(*small_net())) > 0.05);
  }

  void namesAndPrintsAsTorchDoes() {
    const DataParallel parallel(maker("nn.Linear(4, 3)"), {.device_ids = replicas(2)});
    QCOMPARE(parallel.state_dict().entries.size(), size_t{2});
    QCOMPARE(parallel.state_dict().entries[0].key, std::string("module.0.weight"));
    QCOMPARE(nn::to_text(parallel),
             std::string("DataParallel(\n  (module): Sequential(\n"
                         "    (0): Linear(in_features=4, out_features=3, bias=True)\n  )\n)"));
  }

  void theInputGetsItsGradient() {
    manual_seed(1);
    DataParallel parallel(small(), {.device_ids = replicas(3)});
    const auto alone = small_net();
    const Tensor x = rows(0, first(5)).set_requires_grad();
    const Tensor same = raw::clone(x).set_requires_grad();
    autograd::backward(loss_of(parallel(x)));
    autograd::backward(loss_of((*alone)(same)));
    QVERIFY(distance(values(x.grad()), values(same.grad())) < 1e-7);
  }

  void partsAlongAnotherDimension() {
    DataParallel parallel(maker("nn.Tanh()"), {.device_ids = replicas(2), .dim = 1});
    const Tensor x = rows(0, first(2));
    const Tensor y = parallel(x);
    QCOMPARE(y.sizes(), x.sizes());
    for (int64_t i = 0; i < x.numel(); ++i) {
      QVERIFY(std::abs(y.data<float>()[i] - std::tanh(x.data<float>()[i])) < 1e-6);
    }
  }

  /// As in PyTorch: one number from each replica.
  void outputsWithoutDimensionsBecomeAVector() {
    class Sum : public nn::UnaryModule {
      std::string kind() const override { return "Sum"; }
      Tensor forward(const Tensor& input) override { return ops::sum(input); }
    };
    DataParallel parallel([] { return std::make_unique<Sum>(); }, {.device_ids = replicas(2)});
    const Tensor x = rows(0, first(4));
    const Tensor y = parallel(x);
    QCOMPARE(y.sizes(), Dims{2});
    QVERIFY(std::abs(ops::sum(y).item() - ops::sum(x).item()) < 1e-6);
  }

  /// The first replica's statistics stay, those of the others are dropped.
  void statisticsAreThoseOfTheFirstPart() {
    const auto make = maker("nn.Linear(4, 3)", "nn.BatchNorm1d(3)");
    manual_seed(1);
    DataParallel parallel(make, {.device_ids = replicas(2)});
    manual_seed(1);
    const auto alone = make();
    const Tensor x = rows(0, first(6));
    for (int step = 0; step < 2; ++step) {
      parallel(x);
      (*alone)(rows(0, first(3)));
    }
    QVERIFY(distance(values(parallel.get_buffer("module.1.running_mean")),
                     values(alone->get_buffer("1.running_mean"))) < 1e-6);
    QCOMPARE(parallel.get_buffer("module.1.num_batches_tracked").item(), 2.0);
    parallel.eval();
    alone->eval();
    QVERIFY(distance(values(parallel(x)), values((*alone)(x))) < 1e-6);
  }

  void masksDifferBetweenReplicasAndRepeat() {
    DataParallel parallel(maker("nn.Dropout(0.5)"), {.device_ids = replicas(2)});
    const Tensor x = full({2, 64}, 1.0);
    const auto masks = [&] {
      manual_seed(4);
      std::vector<float> first_masks = values(parallel(x));
      const std::vector<float> second = values(parallel(x));
      first_masks.insert(first_masks.end(), second.begin(), second.end());
      return first_masks;
    };
    const std::vector<float> all = masks();
    QCOMPARE(masks(), all);
    std::set<std::vector<float>> different;
    for (size_t i = 0; i < 4; ++i)
      different.emplace(all.begin() + 64 * i, all.begin() + 64 * (i + 1));
    QCOMPARE(different.size(), size_t{4});
    // Without masks, nothing is drawn.
    parallel.eval();
    manual_seed(4);
    parallel(x);
    QVERIFY(default_generator() == Generator(4));
  }

  void recordsNothingWhereTheCallerDoesNot() {
    DataParallel parallel(small(), {.device_ids = replicas(2)});
    const autograd::NoGrad guard;
    QVERIFY(!parallel(rows(0, first(4))).requires_grad());
  }

  void whatAReplicaThrowsComesOut() {
    DataParallel parallel(small(), {.device_ids = replicas(2)});
    const auto told = [&](const std::function<void()>& action) {
      try {
        action();
      } catch (const Error& error) {
        return QString::fromStdString(error.text());
      }
      return QString();
    };
    QVERIFY(told([&] { parallel(rows(0, first(4), 5)); }).contains("Linear"));
    QVERIFY(told([&] { parallel(full({}, 1.0)); }).contains("cannot part"));
    QVERIFY(told([&] { DataParallel(small(), {.device_ids = {kMeta}}); }).contains("meta"));
    QVERIFY(told([&] { DataParallel(small(), {.dim = -1}); }).contains("dim"));
    const Tensor y = parallel(rows(0, first(4)));  // goes on
    QCOMPARE(y.size(0), int64_t{4});
  }
};

QTEST_GUILESS_MAIN(TestDataParallel)
#include "test_data_parallel.moc"
