#include <QTest>

#include "core/backend/fallback.h"
#include "tests/plugins/cuda_kernels/pool_case.h"
#include "tests/simulator/load_gpus.h"
#include "tests/support/compare.h"

using namespace nw;
using namespace nw::test;

namespace {

const Device kGpu{DeviceType::Cuda, 0};

DType any_floating(Draw& draw) {
  constexpr DType kTypes[] = {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16};
  return kTypes[draw.integer(0, 3)];
}

/// A tensor on the CPU, and the same on the GPU, row-major or with its channels innermost.
struct Pair {
  Tensor cpu, gpu;

  Pair(const Tensor& x, bool innermost)
      : cpu(laid_out(x, innermost)), gpu(laid_out(raw::to(x, kGpu), innermost)) {}
  const Tensor& on(Device device) const { return device == kCpu ? cpu : gpu; }
};

}  // namespace

/// Pooling and softmax on a simulated GPU: by cuDNN where that does what PyTorch does, else by our
/// kernels; the CPU's numbers in any case.
class TestSimulatedLayers : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QCOMPARE(load_simulated_gpus(), std::string()); }

  void average_pooling() {
    Draw draw(test_seed());
    for (int round = 0; round < 150; ++round) {
      const DrawnPool drawn(draw, false);
      const DType dtype = any_floating(draw);
      const bool innermost = draw.chance(0.5);
      const AvgPoolMode mode{draw.chance(0.5), draw.chance(0.2) ? 3 : 0};
      const Pair x(draw.numbers(drawn.x, dtype), innermost);
      const Pair y(zeros(drawn.y, dtype), innermost);
      const Pair grad(draw.numbers(drawn.y, dtype), innermost);
      const Pair grad_x(zeros(drawn.x, dtype), innermost);
      for (const Device device : {kCpu, kGpu}) {
        const Kernels& kernels = kernels_of(x.on(device));
        kernels.avg_pool(x.on(device), drawn.window, mode, y.on(device));
        kernels.avg_pool_grad(grad.on(device), drawn.window, mode, grad_x.on(device));
      }
      QVERIFY(agree(y, "mean") && agree(grad_x, "its gradient"));
    }
  }

  /// Without indices, as in evaluation, and with them the same numbers; NaN comes through.
  void largest_numbers() {
    Draw draw(test_seed());
    for (int round = 0; round < 150; ++round) {
      const DrawnPool drawn(draw, true);
      const DType dtype = any_floating(draw);
      const bool innermost = draw.chance(0.5);
      const Tensor numbers = draw.numbers(drawn.x, dtype);
      if (draw.chance(0.3)) raw::fill_(numbers.as_strided({}, {}, 0), std::nan(""));
      const Pair x(numbers, innermost);
      const Pair y(zeros(drawn.y, dtype), innermost);
      const Pair alone(zeros(drawn.y, dtype), innermost);
      const Pair indices(zeros(drawn.y, DType::Int64), innermost);
      for (const Device device : {kCpu, kGpu}) {
        const Kernels& kernels = kernels_of(x.on(device));
        kernels.max_pool(x.on(device), drawn.window, y.on(device), indices.on(device));
        kernels.max_pool(x.on(device), drawn.window, alone.on(device), {});
      }
      QVERIFY(equal(y.gpu, y.cpu) && equal(alone.gpu, y.cpu) && equal(alone.cpu, y.cpu));
      QVERIFY(equal(indices.gpu, indices.cpu));
    }
  }

  void softmax() {
    Draw draw(test_seed());
    for (int round = 0; round < 150; ++round) {
      const int64_t length = draw.chance(0.2) ? draw.integer(1000, 1100) : draw.integer(1, 300);
      const Dims sizes{draw.integer(1, 4), length, draw.chance(0.5) ? 1 : draw.integer(2, 4)};
      const DType dtype = any_floating(draw);
      const bool logarithm = draw.chance(0.5);
      const Pair x(draw.numbers(sizes, dtype), false);
      const Pair y(zeros(sizes, dtype), false);
      const Pair grad(draw.numbers(sizes, dtype), false);
      const Pair grad_x(zeros(sizes, dtype), false);
      for (const Device device : {kCpu, kGpu}) {
        const Kernels& kernels = kernels_of(x.on(device));
        kernels.softmax(x.on(device), logarithm, y.on(device));
        kernels.softmax_grad(grad.on(device), y.on(device), logarithm, grad_x.on(device));
      }
      QVERIFY(agree(y, "softmax") && agree(grad_x, "its gradient"));
    }
  }

  void nothing_is_left_to_the_cpu() { QVERIFY(fallback_counts().empty()); }

 private:
  static bool agree(const Pair& pair, const char* what) {
    const std::string text = difference(raw::to(pair.gpu, kCpu), pair.cpu, what, 10);
    if (!text.empty()) qWarning("%s", text.c_str());
    return text.empty();
  }
  /// NaN is NaN, whatever its bits.
  static bool equal(const Tensor& ours, const Tensor& expected) {
    return difference(raw::to(ours, kCpu), expected, "numbers", 0).empty();
  }
};

QTEST_GUILESS_MAIN(TestSimulatedLayers)
#include "test_simulated_layers.moc"
