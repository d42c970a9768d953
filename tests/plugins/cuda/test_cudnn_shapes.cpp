#include <QTest>

#include "core/backend/creation.h"
#include "plugins/cuda/conv_descriptors.h"
#include "plugins/cuda/pool_descriptors.h"
#include "tests/plugins/cuda_kernels/conv_case.h"

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
      const ConvCase given(draw, 1);
      cuda::ConvShape shape(given.x, given.weight, given.y, given.window);
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

  void cudnn_works_out_the_same_sizes_of_pooling() {
    constexpr DType kTypes[] = {DType::Float32, DType::Float64, DType::Float16};
    Draw draw(test_seed());
    int plain = 0;
    for (int round = 0; round < 500; ++round) {
      const DType dtype = kTypes[draw.integer(0, 2)];
      const ConvCase given(draw, 1);
      const Tensor x = empty(given.x, dtype);
      Dims sizes = given.y;
      sizes[1] = given.x[1];
      if (numel(sizes) == 0) continue;
      const auto what = static_cast<cuda::Pooled>(draw.integer(0, 2));
      const cuda::PoolShape shape(what, x, empty(sizes, dtype), given.window);
      if (!shape.is_for_cudnn()) continue;
      ++plain;
      const cuda::PoolDescriptors descriptors(shape);
      int told[5] = {};
      cuda::check_cudnn(NW_CUDNN(cudnnGetPoolingNdForwardOutputDim)(
                            descriptors.window.get(), descriptors.x.get(), shape.x.rank, told),
                        "work out the sizes");
      for (int d = 0; d < shape.x.rank; ++d) QCOMPARE(told[d], shape.y.at[d]);
    }
    QVERIFY(plain > 50);
  }
};

QTEST_GUILESS_MAIN(TestCudnnShapes)
#include "test_cudnn_shapes.moc"
