#include <QTest>

#include "plugins/cuda/conv_descriptors.h"
#include "tests/support/block_case.h"

using namespace nw;
using namespace nw::test;

/// What cuDNN makes of the shapes it is told; needs the library, and no GPU.
class TestCudnnShapes : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    if (!cuda::cudnn().found()) QSKIP(cuda::cudnn().problem().c_str());
  }

  void cudnn_works_out_the_same_sizes() {
    constexpr DType kTypes[] = {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16};
    Draw draw(test_seed());
    int plain = 0;
    for (int round = 0; round < 500; ++round) {
      const auto spatial = static_cast<size_t>(draw.integer(1, 3));
      Window window;
      window.groups = draw.integer(1, 3);
      Dims x{draw.integer(1, 3), 2 * window.groups};
      Dims weight{3 * window.groups, 2};
      Dims y{x[0], 3 * window.groups};
      for (size_t i = 0; i < spatial; ++i) {
        x.push_back(draw.integer(1, 12));
        window.kernel.push_back(draw.integer(1, 4));
        window.stride.push_back(draw.integer(1, 3));
        window.padding.push_back(draw.integer(0, 2));
        window.dilation.push_back(draw.integer(1, 2));
        weight.push_back(window.kernel.back());
        const int64_t span = (window.kernel.back() - 1) * window.dilation.back() + 1;
        const int64_t room = x.back() + 2 * window.padding.back() - span;
        y.push_back(room < 0 ? 0 : room / window.stride.back() + 1);
      }
      cuda::ConvShape shape(x, weight, y, window);
      if (!shape.is_plain()) continue;
      ++plain;
      shape.dtype = kTypes[draw.integer(0, 3)];
      shape.innermost = draw.chance(0.5);
      const cuda::ConvDescriptors descriptors(shape);
      int sizes[5] = {};
      cuda::check_cudnn(NW_CUDNN(cudnnGetConvolutionNdForwardOutputDim)(
                            descriptors.conv.get(), descriptors.x.get(), descriptors.weight.get(),
                            shape.rank, sizes),
                        "work out the sizes");
      for (int d = 0; d < shape.rank; ++d) QCOMPARE(sizes[d], shape.y[d]);
    }
    QVERIFY(plain > 100);
  }
};

QTEST_GUILESS_MAIN(TestCudnnShapes)
#include "test_cudnn_shapes.moc"
