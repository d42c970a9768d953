#include <QtTest>
#include <cstdio>

#include "core/ops/activation.h"
#include "core/ops/softmax.h"
#include "tests/support/gradcheck_ops.h"

using namespace nw;
using namespace nw::test;

namespace {

/// Limits that no drawn number comes near, so that no difference quotient crosses a kink.
constexpr double kLimit = 0.73112358;

std::vector<GradRow> rows() {
  const std::vector<Dims> one = {{3, 4, 2}};
  const auto row = [&](const char* name, auto function) {
    return GradRow(
        name, [function](const Tensors& t) { return function(t[0]); }, one);
  };
  using ops::GeluForm;
  return {
      row("relu", [](const Tensor& x) { return ops::relu(x); }),
      row("tanh", [](const Tensor& x) { return ops::tanh(x); }),
      row("sigmoid", [](const Tensor& x) { return ops::sigmoid(x); }),
      row("elu", [](const Tensor& x) { return ops::elu(x, 0.7, 1.3, 0.9); }),
      row("selu", [](const Tensor& x) { return ops::selu(x); }),
      row("celu", [](const Tensor& x) { return ops::celu(x, 1.7); }),
      row("leaky_relu", [](const Tensor& x) { return ops::leaky_relu(x, 0.2); }),
      row("rrelu",
          [](const Tensor& x) {
            Generator generator(7);  // the same slopes for each quotient
            return ops::rrelu(x, 0.1, 0.4, generator);
          }),
      {"prelu", [](const Tensors& t) { return ops::prelu(t[0], t[1]); }, {{3, 4, 2}, {4}}},
      row("threshold", [](const Tensor& x) { return ops::threshold(x, kLimit, 5); }),
      row("gelu", [](const Tensor& x) { return ops::gelu(x); }),
      row("gelu, tanh", [](const Tensor& x) { return ops::gelu(x, GeluForm::Tanh); }),
      row("silu", [](const Tensor& x) { return ops::silu(x); }),
      row("mish", [](const Tensor& x) { return ops::mish(x); }),
      row("softplus", [](const Tensor& x) { return ops::softplus(x, 2, 20); }),
      row("softsign", [](const Tensor& x) { return ops::softsign(x); }),
      row("log_sigmoid", [](const Tensor& x) { return ops::log_sigmoid(x); }),
      row("tanhshrink", [](const Tensor& x) { return ops::tanhshrink(x); }),
      row("hardtanh", [](const Tensor& x) { return ops::hardtanh(x, -kLimit, kLimit); }),
      row("relu6", [](const Tensor& x) { return ops::relu6(x); }),
      row("hardsigmoid", [](const Tensor& x) { return ops::hardsigmoid(x); }),
      row("hardswish", [](const Tensor& x) { return ops::hardswish(x); }),
      row("hardshrink", [](const Tensor& x) { return ops::hardshrink(x, kLimit); }),
      row("softshrink", [](const Tensor& x) { return ops::softshrink(x, kLimit); }),
      row("glu", [](const Tensor& x) { return ops::glu(x, 1); }),
      row("softmax", [](const Tensor& x) { return ops::softmax(x, 1); }),
      row("log_softmax", [](const Tensor& x) { return ops::log_softmax(x, -1); }),
  };
}

}  // namespace

/// The gradient of each activation against central differences.
class TestGradcheckActivation : public QObject {
  Q_OBJECT

 private slots:
  void gradients_are_right_data() { add_rows(rows()); }
  void gradients_are_right() { checked_ += check_row(rows()); }
  void cleanupTestCase() { std::printf("%d gradients checked\n", checked_); }

 private:
  int checked_ = 0;
};

QTEST_GUILESS_MAIN(TestGradcheckActivation)
#include "test_gradcheck_activation.moc"
