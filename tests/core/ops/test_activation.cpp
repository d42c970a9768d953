#include <QTest>
#include <cmath>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/ops/activation.h"

using namespace nw;

namespace {

struct Smooth {
  const char* name;
  Tensor (*function)(const Tensor& x);
};

/// All that near x far above 0 and 0 far below.
const Smooth kSmooth[] = {
    {"Mish", [](const Tensor& x) { return ops::mish(x); }},
    {"SiLU", [](const Tensor& x) { return ops::silu(x); }},
    {"GELU", [](const Tensor& x) { return ops::gelu(x); }},
    {"Softplus", [](const Tensor& x) { return ops::softplus(x); }},
};

}  // namespace

/// Activations where no drawn number of the other tests comes.
class TestActivation : public QObject {
  Q_OBJECT

 private slots:
  void slopes_far_from_zero_data() {
    QTest::addColumn<int>("index");
    QTest::addColumn<DType>("dtype");
    for (int i = 0; i < int(std::size(kSmooth)); ++i) {
      QTest::addRow("%s float32", kSmooth[i].name) << i << DType::Float32;
      QTest::addRow("%s float64", kSmooth[i].name) << i << DType::Float64;
    }
  }

  /// What is left of 1 − tanh must not be multiplied with the whole of x.
  void slopes_far_from_zero() {
    QFETCH(int, index);
    QFETCH(DType, dtype);
    for (const double far : {1e3, 1e12, 1e30}) {
      for (const double x : {far, -far}) {
        // Enough for whole vectors, and a rest.
        const Tensor leaf = full({19}, x, dtype, kCpu).set_requires_grad();
        const Tensor y = kSmooth[index].function(leaf);
        autograd::backward(y, full({19}, 1, dtype, kCpu));
        const Tensor grad = raw::to(leaf.grad(), DType::Float64);
        for (int64_t i = 0; i < 19; ++i) QCOMPARE(grad.data<double>()[i], x > 0 ? 1.0 : 0.0);
        QCOMPARE(raw::to(y.detach(), DType::Float64).data<double>()[18],
                 x > 0 ? raw::to(leaf.detach(), DType::Float64).data<double>()[18] : 0.0);
      }
    }
  }
};

QTEST_GUILESS_MAIN(TestActivation)
#include "test_activation.moc"
