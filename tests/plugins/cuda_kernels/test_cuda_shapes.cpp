#include <QTest>

#include "core/backend/cpu/window_geometry.h"
#include "plugins/cuda/conv_shape.cpp"
#include "plugins/cuda/product.cpp"
#include "tests/plugins/cuda_kernels/conv_case.h"

using namespace nw;
using namespace nw::test;

namespace {

/// out (n, m) = first (n, k) · second (k, m) as cuBLAS has it: columns first, with leading sizes.
void product_by_columns(const cuda::MatrixOperand& second, const float* b, int64_t n,
                        const cuda::MatrixOperand& first, const float* a, int64_t m, int64_t k,
                        float* out) {
  const auto at = [](const cuda::MatrixOperand& operand, const float* x, int64_t row, int64_t col) {
    return operand.transposed ? x[row * operand.leading + col] : x[col * operand.leading + row];
  };
  for (int64_t j = 0; j < m; ++j) {
    for (int64_t i = 0; i < n; ++i) {
      float total = 0;
      for (int64_t l = 0; l < k; ++l) total += at(second, b, i, l) * at(first, a, l, j);
      out[j * n + i] = total;
    }
  }
}

/// A view of a matrix as products get them, now and then one that cuBLAS cannot take.
Tensor any_matrix(Draw& draw, int64_t rows, int64_t columns) {
  const double at = draw.real(0, 1);
  if (at < 0.3) return draw.numbers({rows, columns}, DType::Float32);
  if (at < 0.6) {
    const Tensor turned = draw.numbers({columns, rows}, DType::Float32);
    return turned.as_strided({rows, columns}, {1, rows}, 0);
  }
  if (at < 0.9) {
    const Tensor room = draw.numbers({rows, columns + 3}, DType::Float32);
    return room.as_strided({rows, columns}, {columns + 3, 1}, 2);
  }
  return draw.numbers({1, columns}, DType::Float32).as_strided({rows, columns}, {0, 1}, 0);
}

}  // namespace

/// What cuBLASLt and cuDNN are told of shapes, without them.
class TestCudaShapes : public QObject {
  Q_OBJECT

 private slots:
  void operands_name_the_same_matrices() {
    Draw draw(test_seed());
    int refused = 0;
    for (int round = 0; round < 500; ++round) {
      const int64_t m = draw.integer(1, 5);
      const int64_t n = draw.integer(1, 5);
      const int64_t k = draw.integer(1, 5);
      const Tensor a = any_matrix(draw, m, k);
      const Tensor b = any_matrix(draw, k, n);
      const auto left = cuda::operand_of(m, k, a.strides()[0], a.strides()[1]);
      const auto right = cuda::operand_of(k, n, b.strides()[0], b.strides()[1]);
      if (!left || !right) {
        ++refused;
        continue;
      }
      // cuBLAS refuses leading sizes that are too small for the columns.
      QVERIFY(left->leading >= (left->transposed ? m : k));
      QVERIFY(right->leading >= (right->transposed ? k : n));
      std::vector<float> ours(static_cast<size_t>(m * n));
      product_by_columns(*right, b.data<float>(), n, *left, a.data<float>(), m, k, ours.data());
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          float total = 0;
          for (int64_t l = 0; l < k; ++l) {
            total += a.data<float>()[i * a.strides()[0] + l * a.strides()[1]] *
                     b.data<float>()[l * b.strides()[0] + j * b.strides()[1]];
          }
          QVERIFY(std::abs(ours[static_cast<size_t>(i * n + j)] - total) < 1e-4f);
        }
      }
    }
    QVERIFY(refused > 5 && refused < 250);
  }

  void alignment() {
    const auto at = [](uintptr_t address) { return reinterpret_cast<const void*>(address); };
    QCOMPARE(cuda::common_alignment({at(256), at(64), nullptr}), uint8_t{16});
    QCOMPARE(cuda::common_alignment({at(256), at(264)}), uint8_t{8});
    QCOMPARE(cuda::common_alignment({at(256), at(268)}), uint8_t{4});
    QCOMPARE(cuda::common_alignment({at(258), at(256)}), uint8_t{2});
  }

  void convolutions_are_taken_where_all_windows_are_wanted() {
    Draw draw(test_seed());
    int plain = 0;
    for (int round = 0; round < 500; ++round) {
      ConvCase given(draw, 0);
      for (size_t d = 2; d < given.y.size(); ++d) {
        if (draw.chance(0.2)) given.y[d] = std::max<int64_t>(given.y[d] - 1, 0);
      }
      const auto& [window, x, weight, y] = given;
      const cuda::ConvShape shape(x, weight, y, window);
      const cpu::ConvGeometry geometry(x, y, window);
      QCOMPARE(shape.is_plain(), geometry.is_snug() && !geometry.has_nothing());
      plain += shape.is_plain() ? 1 : 0;
      const bool one = window.kernel.size() == 1;
      QCOMPARE(shape.rank, one ? 4 : static_cast<int>(window.kernel.size()) + 2);
      QCOMPARE(shape.x[2], one ? 1 : static_cast<int>(x[2]));
      QCOMPARE(shape.stride[0], one ? 1 : static_cast<int>(window.stride[0]));
      QCOMPARE(shape.padding[0], one ? 0 : static_cast<int>(window.padding[0]));
    }
    QVERIFY(plain > 100);
  }

  void strides_are_those_of_the_layout() {
    const Window window{{3, 3}, {1, 1}, {1, 1}, {1, 1}};
    const Dims sizes{2, 5, 7, 4};
    cuda::ConvShape shape(sizes, {6, 5, 3, 3}, {2, 6, 7, 4}, window);
    int strides[5];
    const auto all = [&] { return Dims(strides, strides + 4); };
    shape.strides_of(shape.x, strides);
    QVERIFY(all() == contiguous_strides(sizes));
    shape.innermost = true;
    shape.strides_of(shape.x, strides);
    QVERIFY(all() == channels_last_strides(sizes));
  }

  void shapes_that_differ_are_told_apart() {
    const Window window{{3, 3}, {1, 1}, {1, 1}, {1, 1}};
    const cuda::ConvShape shape({2, 5, 7, 4}, {6, 5, 3, 3}, {2, 6, 7, 4}, window);
    const cuda::ConvShapeHash hash;
    const auto differs = [&](auto change) {
      cuda::ConvShape other = shape;
      change(other);
      return !(other == shape) && hash(other) != hash(shape);
    };
    QVERIFY(!differs([](cuda::ConvShape&) {}));
    QVERIFY(differs([](cuda::ConvShape& s) { s.x[0] = 3; }));
    QVERIFY(differs([](cuda::ConvShape& s) { s.innermost = true; }));
    QVERIFY(differs([](cuda::ConvShape& s) { s.device = 1; }));
    QVERIFY(differs([](cuda::ConvShape& s) { s.dilation[1] = 2; }));
    QVERIFY(differs([](cuda::ConvShape& s) { s.dtype = DType::Float16; }));
  }
};

QTEST_GUILESS_MAIN(TestCudaShapes)
#include "test_cuda_shapes.moc"
