#include "plugins/cuda/kernels/complex.h"
#include "plugins/cuda/kernels/elementwise_formulas.h"
#include "plugins/cuda/kernels/layout.h"
#include "tests/plugins/cuda_kernels/kernel_check.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr UnaryOp kLastUnary = UnaryOp::Angle;
constexpr BinaryOp kLastBinary = BinaryOp::SigmoidGrad;

bool has(UnaryOp op, DType dtype) {
  if (dtype == DType::Bool) {
    return (op >= UnaryOp::LogicalNot && op <= UnaryOp::BitwiseNot) || op == UnaryOp::Abs ||
           op == UnaryOp::Sign;
  }
  if (!is_floating(dtype)) return op <= UnaryOp::BitwiseNot || op == UnaryOp::Relu;
  return op != UnaryOp::BitwiseNot && op != UnaryOp::Conj;
}

bool has(BinaryOp op, DType dtype) {
  const bool bitwise = op >= BinaryOp::BitwiseAnd && op <= BinaryOp::RightShift;
  if (is_floating(dtype)) return !bitwise;
  if (op >= BinaryOp::Atan2) return false;
  if (dtype != DType::Bool) return true;
  return (op <= BinaryOp::Fmin && op != BinaryOp::Sub && op != BinaryOp::Div &&
          op != BinaryOp::Pow) ||
         (bitwise && op <= BinaryOp::BitwiseXor);
}

DType any_dtype() {
  return draw().chance(0.6) ? any_floating() : any_whole();
}

}  // namespace

/// Elementwise kernels, filling and copying.
class TestElementwiseEmulated : public QObject {
  Q_OBJECT

 private slots:
  void unary() {
    for (int op = 0; op <= static_cast<int>(kLastUnary); ++op) {
      for (int round = 0; round < 40; ++round) {
        const auto kind = static_cast<UnaryOp>(op);
        const DType dtype = any_dtype();
        if (!has(kind, dtype)) continue;
        const Tensor x = arranged(draw(), numbers_of(any_sizes(), dtype, true));
        const DType to = cuda::gives_bool(kind) ? DType::Bool : dtype;
        const Tensor ours = result(x.sizes(), to);
        const Tensor expected = empty(x.sizes(), to);
        cuda::unary(kind, x, ours);
        on_cpu().unary(kind, x, expected);
        QVERIFY2(agree(ours, expected, "unary", 2), qPrintable(QString("op %1").arg(op)));
      }
    }
  }

  void binary() {
    for (int op = 0; op <= static_cast<int>(kLastBinary); ++op) {
      for (int round = 0; round < 40; ++round) {
        const auto kind = static_cast<BinaryOp>(op);
        const DType dtype = any_dtype();
        if (!has(kind, dtype)) continue;
        const Dims sizes = any_sizes();
        const Tensor a = arranged(draw(), numbers_of(sizes, dtype, true));
        Tensor b = arranged(draw(), numbers_of(sizes, dtype, true));
        if (draw().chance(0.2)) b = raw::expand(numbers_of({}, dtype), sizes);
        if (cuda::divides(kind) && !is_floating(dtype)) {
          const Tensor zero = empty(b.sizes(), DType::Bool);
          const Tensor one = full({}, 1, dtype);
          const Tensor divisor = empty(b.sizes(), dtype);
          on_cpu().unary(UnaryOp::LogicalNot, b, zero);
          on_cpu().where(zero, raw::expand(one, b.sizes()), b, divisor);
          b = divisor;
        }
        const DType to = cuda::gives_bool(kind) ? DType::Bool : dtype;
        const Tensor ours = result(sizes, to);
        const Tensor expected = empty(sizes, to);
        cuda::binary(kind, a, b, ours);
        on_cpu().binary(kind, a, b, expected);
        QVERIFY2(agree(ours, expected, "binary", 2), qPrintable(QString("op %1").arg(op)));
      }
    }
  }

  void complex_numbers() {
    constexpr DType kTypes[] = {DType::Complex64, DType::Complex128};
    int known = 0;
    for (int op = 0; op <= static_cast<int>(UnaryOp::Angle); ++op) {
      const auto kind = static_cast<UnaryOp>(op);
      if (!cuda::has_complex(kind)) continue;
      ++known;
      for (int round = 0; round < 40; ++round) {
        const DType dtype = kTypes[round % 2];
        const DType part = dtype == DType::Complex64 ? DType::Float32 : DType::Float64;
        const Tensor x = arranged(draw(), numbers_of(any_sizes(), dtype));
        const bool real = kind == UnaryOp::Abs || kind == UnaryOp::Angle;
        const DType to = cuda::gives_bool(kind) ? DType::Bool : real ? part : dtype;
        const Tensor ours = result(x.sizes(), to);
        const Tensor expected = empty(x.sizes(), to);
        cuda::unary(kind, x, ours);
        on_cpu().unary(kind, x, expected);
        QVERIFY2(agree(ours, expected, "unary", 20), qPrintable(QString("op %1").arg(op)));
      }
    }
    QVERIFY(known > 25);
    for (int op = 0; op <= static_cast<int>(BinaryOp::SigmoidGrad); ++op) {
      const auto kind = static_cast<BinaryOp>(op);
      if (!cuda::has_complex(kind)) continue;
      for (int round = 0; round < 40; ++round) {
        const DType dtype = kTypes[round % 2];
        const Dims sizes = any_sizes();
        const Tensor a = arranged(draw(), numbers_of(sizes, dtype));
        const Tensor b = draw().chance(0.2) ? a : arranged(draw(), numbers_of(sizes, dtype));
        const DType to = cuda::gives_bool(kind) ? DType::Bool : dtype;
        const Tensor ours = result(sizes, to);
        const Tensor expected = empty(sizes, to);
        cuda::binary(kind, a, b, ours);
        on_cpu().binary(kind, a, b, expected);
        QVERIFY2(agree(ours, expected, "binary", 40), qPrintable(QString("op %1").arg(op)));
      }
    }
    for (const DType dtype : kTypes) {
      const Tensor x = numbers_of({5, 7}, dtype);
      const Tensor y = numbers_of({5, 7}, dtype);
      const Tensor expected = raw::clone(y);
      cuda::axpy(x, 0.3, y);
      on_cpu().axpy(x, 0.3, expected);
      QVERIFY(agree(y, expected, "axpy", 4));
    }
  }

  void products_of_whole_numbers() {
    for (int round = 0; round < 100; ++round) {
      const DType dtype = any_whole(false);
      const int64_t m = draw().integer(1, 6);
      const int64_t n = draw().integer(1, 6);
      const int64_t k = draw().integer(0, 9);
      const bool stack = draw().chance(0.5);
      const int64_t batch = draw().integer(1, 4);
      const auto sized = [&](int64_t rows, int64_t columns) {
        return numbers_of(stack ? Dims{batch, rows, columns} : Dims{rows, columns}, dtype);
      };
      const Tensor a = sized(m, k);
      const Tensor turned = sized(n, k);
      Dims strides = turned.strides();
      std::swap(strides[strides.size() - 1], strides[strides.size() - 2]);
      const Tensor ours = sized(m, n);
      const Tensor expected = raw::clone(ours);
      const Tensor b = turned.as_strided(stack ? Dims{batch, k, n} : Dims{k, n}, strides, 0);
      cuda::whole_product(a, b, ours);
      stack ? on_cpu().bmm(a, b, expected) : on_cpu().matmul(a, b, expected);
      QVERIFY(equal_bits(ours, expected, "product"));
    }
  }

  void a_whole_number_by_zero_is_noted() {
    cuda::emulated_note() = {};
    const Tensor a = full({3}, 7, DType::Int32);
    cuda::binary(BinaryOp::Remainder, a, zeros({3}, DType::Int32), empty({3}, DType::Int32));
    QCOMPARE(cuda::emulated_note().kind, static_cast<int>(cuda::FaultKind::DivisionByZero));
    QCOMPARE(cuda::fault_text(cuda::emulated_note()),
             std::string("[div] a whole number cannot be divided by 0"));
    cuda::emulated_note() = {};
  }

  void where_affine_and_axpy() {
    for (int round = 0; round < 300; ++round) {
      const Dims sizes = any_sizes();
      const DType dtype = any_dtype();
      const Tensor condition = arranged(draw(), draw().coins(sizes, 0.5));
      const Tensor a = arranged(draw(), numbers_of(sizes, dtype, true));
      const Tensor b = arranged(draw(), numbers_of(sizes, dtype, true));
      Tensor ours = result(sizes, dtype);
      Tensor expected = empty(sizes, dtype);
      cuda::where(condition, a, b, ours);
      on_cpu().where(condition, a, b, expected);
      QVERIFY(equal_bits(raw::contiguous(ours), expected, "where"));
      if (!is_floating(dtype)) continue;
      cuda::affine(a, 1.5, -0.25, ours);
      on_cpu().affine(a, 1.5, -0.25, expected);
      QVERIFY(agree(ours, expected, "affine"));
      raw::copy_(ours, b);
      raw::copy_(expected, b);
      cuda::axpy(a, -0.75, ours);
      on_cpu().axpy(a, -0.75, expected);
      QVERIFY(agree(ours, expected, "axpy"));
    }
  }

  void copy_converts_any_dtype() {
    for (int from = 0; from < kDTypeCount; ++from) {
      for (int to = 0; to < kDTypeCount; ++to) {
        for (int round = 0; round < 6; ++round) {
          const Dims sizes = any_sizes();
          const Tensor dense = numbers_of(sizes, static_cast<DType>(from), true);
          const Tensor x = arranged(draw(), dense);
          const auto dtype = static_cast<DType>(to);
          const Tensor expected = empty(sizes, dtype);
          on_cpu().copy(x, expected);
          const Tensor ours = arranged(draw(), zeros(sizes, dtype));
          if (ours.numel() > 0 && std::count(ours.strides().begin(), ours.strides().end(), 0) > 0) {
            continue;  // an output has a place for each number
          }
          cuda::copy(x, ours);
          QVERIFY2(equal_bits(raw::contiguous(ours), expected, "copy"),
                   qPrintable(QString("%1 to %2").arg(from).arg(to)));
        }
      }
    }
  }

  void copy_takes_sixteen_bytes_at_once() {
    const Tensor x = draw().numbers({6, 5, 8}, DType::Float32);
    const Tensor turned = x.as_strided({5, 6, 8}, {8, 40, 1}, 0);
    const Tensor ours = empty({5, 6, 8});
    const Tensor expected = empty({5, 6, 8});
    cuda::Nest<2> nest(turned.sizes(), {turned.strides(), ours.strides()});
    QVERIFY(nest.widen(4));
    QCOMPARE(nest.numel(), int64_t{60});
    cuda::copy(turned, ours);
    on_cpu().copy(turned, expected);
    QVERIFY(equal_bits(ours, expected, "copy"));
  }

  void fill() {
    for (int to = 0; to < kDTypeCount; ++to) {
      for (int round = 0; round < 20; ++round) {
        const Dims sizes = any_sizes();
        const Scalar value = round % 3 == 0   ? Scalar(draw().integer(-200, 200))
                             : round % 3 == 1 ? Scalar(draw().real(-9, 9))
                                              : Scalar(true);
        const Tensor ours = result(sizes, static_cast<DType>(to));
        const Tensor expected = empty(sizes, static_cast<DType>(to));
        cuda::fill(ours, value);
        on_cpu().fill(expected, value);
        QVERIFY(equal_bits(raw::contiguous(ours), expected, "fill"));
      }
    }
  }

  void sequences() {
    for (int to = 0; to < kDTypeCount - 1; ++to) {
      const auto dtype = static_cast<DType>(to);
      for (int round = 0; round < 20; ++round) {
        const Dims sizes{draw().integer(0, 300)};
        const Tensor ours = empty(sizes, dtype);
        const Tensor expected = empty(sizes, dtype);
        const Scalar first = round % 2 == 0 ? Scalar(draw().integer(-9, 9)) : draw().real(-9, 9);
        const Scalar second = round % 2 == 0 ? Scalar(draw().integer(-9, 9)) : draw().real(-9, 9);
        cuda::arange(first, second, ours);
        on_cpu().arange(first, second, expected);
        QVERIFY(equal_bits(ours, expected, "arange"));
        cuda::linspace(first, second, ours);
        on_cpu().linspace(first, second, expected);
        QVERIFY(agree(ours, expected, "linspace"));
      }
    }
  }

  /// Long enough tensors are walked in pieces that a launch can count.
  void pieces_cover_everything_once() {
    for (int round = 0; round < 100; ++round) {
      const Tensor x = arranged(draw(), draw().whole(any_sizes(), 0, 1000));
      const cuda::Nest<1> nest(x.sizes(), {x.strides()});
      std::vector<int64_t> seen;
      nest.for_pieces(
          [&](const cuda::Layout<1>& layout, uint32_t count) {
            for (uint32_t i = 0; i < count; ++i) {
              seen.push_back(x.data<int64_t>()[layout(i)[0]]);
            }
          },
          draw().integer(1, 50));
      const Tensor dense = raw::contiguous(x);
      std::vector<int64_t> expected(dense.data<int64_t>(), dense.data<int64_t>() + dense.numel());
      std::sort(seen.begin(), seen.end());
      std::sort(expected.begin(), expected.end());
      QVERIFY(seen == expected);
    }
  }

  void divisors_are_exact() {
    for (int round = 0; round < 20000; ++round) {
      const auto by = static_cast<uint32_t>(
          round < 1000 ? round + 1 : draw().integer(1, std::numeric_limits<int32_t>::max()));
      const auto number =
          static_cast<uint32_t>(draw().integer(0, std::numeric_limits<int32_t>::max()));
      QCOMPARE(cuda::Divisor(by).quotient(number), number / by);
      QCOMPARE(cuda::Divisor(by).quotient(0x7fffffffu), 0x7fffffffu / by);
    }
  }
};

QTEST_GUILESS_MAIN(TestElementwiseEmulated)
#include "test_elementwise_emulated.moc"
