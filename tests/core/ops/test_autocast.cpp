#include <QtTest>
#include <array>
#include <set>
#include <thread>
#include <vector>

#include "core/autograd/engine.h"
#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/ops/autocast.h"
#include "core/ops/join.h"
#include "core/ops/loss.h"
#include "core/ops/matmul.h"
#include "core/ops/reduction.h"
#include "tests/support/fake_device.h"

using namespace nw;

namespace {

constexpr DeviceType kOnCpu = DeviceType::Cpu;

Tensor ones(DType dtype = DType::Float32) {
  return full({2, 2}, 1.0, dtype, kCpu);
}

DType product(const Tensor& a, const Tensor& b) {
  return ops::mm(a, b).dtype();
}

}  // namespace

/// The rules of regions; which ops are cast is held against PyTorch in test_autocast_oracle.
class TestAutocast : public QObject {
  Q_OBJECT

 private slots:
  void is_off_outside() {
    QCOMPARE(product(ones(), ones()), DType::Float32);
    QVERIFY(!is_autocast_enabled(kOnCpu));
    {
      const Autocast cast(kOnCpu);
      QVERIFY(is_autocast_enabled(kOnCpu));
      QVERIFY(!is_autocast_enabled(DeviceType::Cuda));
      QCOMPARE(product(ones(), ones()), DType::BFloat16);
    }
    QCOMPARE(product(ones(), ones()), DType::Float32);
  }

  void regions_are_nested() {
    const Autocast outer(kOnCpu, DType::Float16);
    QCOMPARE(product(ones(), ones()), DType::Float16);
    {
      const Autocast off(kOnCpu, {}, false);
      QCOMPARE(product(ones(), ones()), DType::Float32);
      const Tensor narrow = ones(DType::Float16);
      QVERIFY_THROWS_EXCEPTION(Error, ops::mm(narrow, ones()));  // nothing is cast
      const Autocast on(kOnCpu);
      QCOMPARE(product(ones(), ones()), DType::Float16);  // the outer one's dtype
      const Autocast other(kOnCpu, DType::BFloat16);
      QCOMPARE(product(ones(), ones()), DType::BFloat16);
    }
    QCOMPARE(autocast_dtype(kOnCpu), DType::Float16);
    QCOMPARE(product(ones(), ones()), DType::Float16);
  }

  void is_of_its_thread_and_its_device() {
    const Autocast gpu(DeviceType::Cuda);
    QCOMPARE(product(ones(), ones()), DType::Float32);
    const Autocast cpu(kOnCpu);
    DType elsewhere = DType::Bool;
    std::thread([&] { elsewhere = product(ones(), ones()); }).join();
    QCOMPARE(elsewhere, DType::Float32);
    const Tensor shape = empty({2, 2}, DType::Float32, kMeta);
    QCOMPARE(ops::mm(shape, shape).dtype(), DType::Float32);
  }

  void leaves_other_dtypes_alone() {
    const Autocast cast(kOnCpu);
    QCOMPARE(product(ones(DType::Float64), ones(DType::Float64)), DType::Float64);
    QCOMPARE(product(ones(DType::Int64), ones(DType::Int64)), DType::Int64);
    QCOMPARE(product(ones(DType::Complex64), ones(DType::Complex64)), DType::Complex64);
    QVERIFY_THROWS_EXCEPTION(Error, Autocast(kOnCpu, DType::Float64));
  }

  void the_widest_wins() {
    const Autocast cast(kOnCpu);
    const Tensor narrow = ones(DType::BFloat16);
    QCOMPARE(ops::cat(std::array{narrow, narrow}).dtype(), DType::BFloat16);
    QCOMPARE(ops::cat(std::array{narrow, ones()}).dtype(), DType::Float32);
    QCOMPARE(ops::mse_loss(narrow, narrow).dtype(), DType::Float32);
  }

  void gradients_come_back_in_the_parameter_s_dtype() {
    const Tensor weight = ones().set_requires_grad();
    Tensor loss;
    {
      const Autocast cast(kOnCpu);
      loss = ops::sum(ops::mm(ones(), weight));
    }
    autograd::backward(loss);
    QCOMPARE(weight.grad().dtype(), DType::Float32);
    QCOMPARE(weight.grad().data<float>()[0], 2.0f);
  }

  void a_leaf_is_rounded_once_data() {
    QTest::addColumn<bool>("cache");
    QTest::addColumn<int>("roundings");
    QTest::newRow("kept") << true << 1;
    QTest::newRow("without cache") << false << 3;
  }

  void a_leaf_is_rounded_once() {
    QFETCH(bool, cache);
    QFETCH(int, roundings);
    const Tensor weight = ones().set_requires_grad();
    const Tensor x = ones(DType::BFloat16);
    Tensor loss;
    {
      const Autocast outer(kOnCpu, {}, true, cache);
      loss = ops::mm(x, weight);
      {
        const Autocast inner(kOnCpu, {}, true, cache);
        loss = ops::mm(loss, weight);
      }
      loss = ops::sum(ops::mm(loss, weight));
    }
    std::set<const void*> casts;
    std::vector<autograd::Node*> waiting{static_cast<autograd::Node*>(&*loss.grad_fn())};
    while (!waiting.empty()) {
      autograd::Node* node = waiting.back();
      waiting.pop_back();
      if (node->name() == "to") casts.insert(node);
      for (const autograd::Edge& edge : node->edges()) {
        if (edge.node) waiting.push_back(&*edge.node);
      }
    }
    QCOMPARE(int(casts.size()), roundings);
    autograd::backward(loss);
    QCOMPARE(weight.grad().data<float>()[0], 24.0f);
  }

  void a_leaf_that_changed_is_rounded_anew() {
    const Tensor weight = ones().set_requires_grad();
    const Autocast cast(kOnCpu);
    QCOMPARE(ops::mm(ones(), weight).dtype(), DType::BFloat16);
    raw::fill_(weight, 3.0);
    QCOMPARE(raw::to(ops::mm(ones(), weight), DType::Float32).data<float>()[0], 6.0f);
    weight.set_data(full({2, 2}, 5.0, DType::Float32, kCpu));
    QCOMPARE(raw::to(ops::mm(ones(), weight), DType::Float32).data<float>()[0], 10.0f);
  }

  void what_is_rounded_without_recording_is_not_kept() {
    const Tensor weight = ones().set_requires_grad();
    const Autocast cast(kOnCpu);
    {
      const autograd::NoGrad no_grad;
      ops::mm(ones(), weight);
    }
    QVERIFY(ops::mm(ones(), weight).requires_grad());
  }

  void acts_on_other_devices() {
    test::fake_gpus();
    const Device gpu = device_from_string("cuda:0");
    const Tensor x = raw::to(ones(), gpu);
    const Autocast cast(DeviceType::Cuda);
    QCOMPARE(ops::mm(x, x).dtype(), DType::Float16);
    QCOMPARE(ops::sum(ops::mm(x, x)).dtype(), DType::Float32);
    QCOMPARE(product(ones(), ones()), DType::Float32);
  }
};

QTEST_GUILESS_MAIN(TestAutocast)
#include "test_autocast.moc"
