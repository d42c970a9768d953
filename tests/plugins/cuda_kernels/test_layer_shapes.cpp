#include <QTest>
#include <algorithm>

#include "core/backend/backend.h"
#include "core/backend/creation.h"
#include "plugins/cuda/batch_norm_shape.cpp"
#include "plugins/cuda/dense_sizes.cpp"
#include "plugins/cuda/pool_shape.cpp"
#include "plugins/cuda/softmax_shape.cpp"
#include "tests/plugins/cuda_kernels/pool_case.h"
#include "tests/support/compare.h"

using namespace nw;
using namespace nw::test;

namespace {

/// Calls body(index) for each index below `sizes`.
template <typename Body>
void for_each_index(int rank, const int* sizes, const Body& body) {
  int index[5] = {};
  for (;;) {
    body(index);
    int d = rank - 1;
    while (d >= 0 && ++index[d] == sizes[d]) index[d--] = 0;
    if (d < 0) return;
  }
}

int64_t place_of(int rank, const int* index, const int* strides) {
  int64_t place = 0;
  for (int d = 0; d < rank; ++d) place += int64_t{index[d]} * strides[d];
  return place;
}

/// What cuDNN's documentation says of pooling, on the memory that it is told of.
void pool_as_told(const cuda::PoolShape& shape, const double* x, double* y) {
  const int rank = shape.x.rank;
  int x_strides[5];
  int y_strides[5];
  shape.x.strides(shape.innermost, x_strides);
  shape.y.strides(shape.innermost, y_strides);
  for_each_index(rank, shape.y.at, [&](const int* out) {
    double total = 0;
    double largest = -std::numeric_limits<double>::infinity();
    int inside = 0;
    int covered = 0;
    for_each_index(rank - 2, shape.kernel, [&](const int* tap) {
      int at[5] = {out[0], out[1]};
      bool is_inside = true;
      for (int d = 0; d < rank - 2; ++d) {
        at[d + 2] = out[d + 2] * shape.stride[d] - shape.padding[d] + tap[d];
        is_inside = is_inside && at[d + 2] >= 0 && at[d + 2] < shape.x.at[d + 2];
      }
      ++covered;
      if (!is_inside) return;
      ++inside;
      const double value = x[place_of(rank, at, x_strides)];
      total += value;
      largest = std::max(largest, value);
    });
    double& to = y[place_of(rank, out, y_strides)];
    switch (shape.pooled) {
      case cuda::Pooled::Largest:
        to = largest;
        return;
      case cuda::Pooled::MeanWithPadding:
        to = total / covered;
        return;
      case cuda::Pooled::MeanWithoutPadding:
        to = total / inside;
        return;
    }
  });
}

/// A call that cuDNN takes, of which a test takes something away.
cuda::BatchNormCall plain_call(DType dtype) {
  const Tensor one = full({3}, 1, dtype);
  return {1e-5, one, one, one, one, {}};
}

}  // namespace

/// What cuDNN is told of layers, and what it is not asked for, without it.
class TestLayerShapes : public QObject {
  Q_OBJECT

 private slots:
  void sizes_lie_as_in_memory() {
    Draw draw(test_seed());
    for (int round = 0; round < 300; ++round) {
      Dims sizes(static_cast<size_t>(draw.integer(2, 5)));
      for (int64_t& size : sizes) size = draw.integer(1, 6);
      const bool innermost = sizes.size() > 2 && draw.chance(0.5);
      const cuda::DenseSizes told(sizes);
      QVERIFY(told.fits && !told.is_empty());
      int strides[5];
      told.strides(innermost, strides);
      const Dims expected = innermost ? channels_last_strides(sizes) : contiguous_strides(sizes);
      const int lead = sizes.size() == 3 ? 1 : 0;  // a size of 1 before the only spatial one
      for (size_t d = 0; d < sizes.size(); ++d) {
        const int at = static_cast<int>(d) + (d >= 2 ? lead : 0);
        QCOMPARE(int64_t{told.at[at]}, sizes[d]);
        if (sizes[d] > 1) QCOMPARE(int64_t{strides[at]}, expected[d]);
      }
    }
    QVERIFY(!cuda::DenseSizes(Dims{2, 3, 1, 1, 1, 1}).fits);
    QVERIFY(!cuda::DenseSizes(Dims{2, 3, 1 << 20, 1 << 10}).fits);
    QVERIFY(cuda::DenseSizes(Dims{2, 0, 4}).is_empty());
  }

  void pooling_that_is_told_is_torchs() {
    Draw draw(test_seed());
    const Kernels& cpu = backend_of(kCpu).kernels();
    int taken = 0;
    for (int round = 0; round < 600; ++round) {
      const auto what = static_cast<cuda::Pooled>(draw.integer(0, 2));
      const bool largest = what == cuda::Pooled::Largest;
      const DrawnPool drawn(draw, largest);
      const bool innermost = draw.chance(0.5);
      const Tensor x = laid_out(draw.numbers(drawn.x, DType::Float64), innermost);
      const Tensor y = laid_out(zeros(drawn.y, DType::Float64), innermost);
      const Tensor expected = laid_out(zeros(drawn.y, DType::Float64), innermost);
      const cuda::PoolShape shape(what, x, y, drawn.window);
      QCOMPARE(shape.is_for_cudnn(), drawn.snug && !drawn.dilated);
      if (!shape.is_for_cudnn()) continue;
      ++taken;
      pool_as_told(shape, x.data<double>(), y.data<double>());
      if (largest) {
        cpu.max_pool(x, drawn.window, expected, {});
      } else {
        const AvgPoolMode mode{what == cuda::Pooled::MeanWithPadding, 0};
        cpu.avg_pool(x, drawn.window, mode, expected);
      }
      QCOMPARE(difference(y, expected, "pooling", 4), std::string());
    }
    QVERIFY(taken > 150);
    const Tensor narrow = zeros({2, 3, 4, 4}, DType::BFloat16);
    QVERIFY(
        !cuda::PoolShape(cuda::Pooled::Largest, narrow, narrow, {{1, 1}, {1, 1}, {0, 0}, {1, 1}, 1})
             .is_for_cudnn());
  }

  void batches_that_cudnn_normalises() {
    for (const DType dtype : {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16}) {
      const bool has_type = dtype != DType::BFloat16;
      const DType wide = dtype == DType::Float64 ? dtype : DType::Float32;
      const Tensor x = zeros({2, 3, 5}, dtype);
      const cuda::BatchNormShape shape(x);
      const cuda::BatchNormCall call = plain_call(wide);
      QCOMPARE(cuda::trains_by_cudnn(shape, call), has_type);
      QCOMPARE(cuda::evaluates_by_cudnn(shape, call), has_type);
      const Tensor grad = zeros({3}, wide);
      QCOMPARE(cuda::differentiates_by_cudnn(shape, 1e-5, call.weight, x, grad, grad), has_type);
      QCOMPARE(cuda::differentiates_by_cudnn(shape, 1e-5, call.weight, x, {}, {}), has_type);
      QVERIFY(!cuda::differentiates_by_cudnn(shape, 1e-5, call.weight, {}, grad, grad));
      QVERIFY(!cuda::differentiates_by_cudnn(shape, 1e-5, {}, x, {}, grad));
      QVERIFY(!cuda::differentiates_by_cudnn(shape, 0, call.weight, x, grad, grad));
      if (!is_half(dtype)) continue;
      // Weights and statistics must be wider than 16 bits.
      const cuda::BatchNormCall coarse = plain_call(dtype);
      QVERIFY(!cuda::trains_by_cudnn(shape, coarse) && !cuda::evaluates_by_cudnn(shape, coarse));
      cuda::BatchNormCall mixed = plain_call(wide);
      mixed.running_mean = mixed.running_variance = coarse.weight;
      QVERIFY(!cuda::trains_by_cudnn(shape, mixed) && !cuda::evaluates_by_cudnn(shape, mixed));
      QVERIFY(!cuda::differentiates_by_cudnn(shape, 1e-5, coarse.weight, x, {}, {}));
      QVERIFY(!cuda::differentiates_by_cudnn(shape, 1e-5, call.weight, x, {}, coarse.bias));
    }
  }

  void what_cudnn_is_not_asked_for() {
    const cuda::BatchNormCall plain = plain_call(DType::Float32);
    const cuda::BatchNormShape shape(zeros({2, 3, 5}));
    cuda::BatchNormCall call = plain;
    call.running_mean = call.running_variance = {};
    QVERIFY(cuda::trains_by_cudnn(shape, call) && !cuda::evaluates_by_cudnn(shape, call));
    call = plain;
    for (const BatchTracking& other : {BatchTracking{0.1, true}, {-0.5, false}, {1.5, false}}) {
      call = plain;
      call.tracking = other;
      QVERIFY(!cuda::trains_by_cudnn(shape, call) && cuda::evaluates_by_cudnn(shape, call));
    }
    for (Tensor* parameter : {&call.weight, &call.bias}) {
      call = plain;
      *parameter = {};
      QVERIFY(!cuda::trains_by_cudnn(shape, call) && !cuda::evaluates_by_cudnn(shape, call));
    }
    call = plain;
    call.eps = 0;
    QVERIFY(!cuda::trains_by_cudnn(shape, call) && !cuda::evaluates_by_cudnn(shape, call));

    const cuda::BatchNormShape features(zeros({2, 3}));
    QVERIFY(!cuda::trains_by_cudnn(features, plain) && !cuda::evaluates_by_cudnn(features, plain));
    const cuda::BatchNormShape many(zeros({70000, 1, 2}));
    QVERIFY(cuda::trains_by_cudnn(many, plain) && !cuda::evaluates_by_cudnn(many, plain));
    const cuda::BatchNormShape very_many(zeros({880802, 1, 2}));
    QVERIFY(!cuda::trains_by_cudnn(very_many, plain));
    const cuda::BatchNormShape deep(zeros({2, 3, 1, 1, 1, 2}));
    QVERIFY(!cuda::trains_by_cudnn(deep, plain));

    const Tensor images = zeros({2, 3, 4, 5});
    QVERIFY(!cuda::BatchNormShape(images).innermost);
    QVERIFY(cuda::BatchNormShape(laid_out(images, true)).innermost);
  }

  void softmax_of_short_rows_is_ours() {
    const auto is_for_cudnn = [](const Dims& sizes, DType dtype) {
      return cuda::SoftmaxShape(zeros(sizes, dtype), false).is_for_cudnn();
    };
    QVERIFY(!is_for_cudnn({7, 10, 1}, DType::Float32));
    QVERIFY(!is_for_cudnn({7, 1024, 1}, DType::Float16));
    QVERIFY(is_for_cudnn({7, 1025, 1}, DType::Float32));
    QVERIFY(is_for_cudnn({7, 10, 2}, DType::Float64));
    QVERIFY(!is_for_cudnn({7, 10, 2}, DType::BFloat16));
    const cuda::SoftmaxShape lines(zeros({7, 10, 2}), true);
    QCOMPARE(lines.x.at[0], 7);
    QCOMPARE(lines.x.at[1], 10);
    QCOMPARE(lines.x.at[2] * lines.x.at[3], 2);
  }
};

QTEST_GUILESS_MAIN(TestLayerShapes)
#include "test_layer_shapes.moc"
