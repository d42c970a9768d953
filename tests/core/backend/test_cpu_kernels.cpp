#include <Eigen/Core>
#include <cfloat>

#include "core/backend/backend.h"
#include "core/base/parallel.h"
#include "tests/core/backend/naive.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kRounds = 300;
const double kNan = std::nan("");
const double kInfinity = HUGE_VAL;

const Kernels& kernels() {
  return backend_of(kCpu).kernels();
}

double reference(UnaryOp op, double x) {
  switch (op) {
    case UnaryOp::Neg:
      return -x;
    case UnaryOp::Exp:
      return std::exp(x);
    case UnaryOp::Log:
      return std::log(x);
    case UnaryOp::Sqrt:
      return std::sqrt(x);
    case UnaryOp::Relu:
      return x < 0 ? 0 : x;
    case UnaryOp::Tanh:
      return std::tanh(x);
    case UnaryOp::Sigmoid:
      return 1 / (1 + std::exp(-x));
    default:
      return 0;
  }
}

double reference(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::Add:
      return a + b;
    case BinaryOp::Sub:
      return a - b;
    case BinaryOp::Mul:
      return a * b;
    case BinaryOp::Div:
      return a / b;
    case BinaryOp::ReluGrad:
      return b > 0 ? a : 0;
    case BinaryOp::TanhGrad:
      return a * (1 - b * b);
    case BinaryOp::SigmoidGrad:
      return a * (1 - b) * b;
    default:
      return 0;
  }
}

constexpr UnaryOp kUnary[] = {UnaryOp::Neg,  UnaryOp::Exp,  UnaryOp::Log,    UnaryOp::Sqrt,
                              UnaryOp::Relu, UnaryOp::Tanh, UnaryOp::Sigmoid};
constexpr BinaryOp kBinary[] = {BinaryOp::Add,        BinaryOp::Sub,      BinaryOp::Mul,
                                BinaryOp::Div,        BinaryOp::ReluGrad, BinaryOp::TanhGrad,
                                BinaryOp::SigmoidGrad};

}  // namespace

class TestCpuKernels : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { draw_ = std::make_unique<Draw>(test_seed()); }

  void unary() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = random_floating(*draw_);
      const Dims sizes = random_sizes(*draw_, 4, 9);
      const Tensor x = random_view(*draw_, sizes, dtype);
      for (const UnaryOp op : kUnary) {
        const Tensor out = empty(sizes, dtype);
        kernels().unary(op, x, out);
        const Tensor expected =
            filled(sizes, dtype, [&](const Dims& i) { return reference(op, at(x, i)); });
        QVERIFY(same(out, expected, concat("unary ", int(op), " ", describe(x))));
      }
    }
  }

  void unary_extremes() {
    const std::vector<double> special{0.0,  -0.0,    1e-40,     -1e-40,     1e-30, FLT_MIN, 88.7,
                                      88.8, -87.,    -104.,     200.,       -200., 9.1,     -20.,
                                      1.,   FLT_MAX, kInfinity, -kInfinity, kNan};
    const Dims sizes{int64_t(special.size())};
    for (const DType dtype : {DType::Float32, DType::Float64}) {
      const Tensor x = filled(sizes, dtype, [&](const Dims& i) { return special[size_t(i[0])]; });
      for (const UnaryOp op : kUnary) {
        const Tensor out = empty(sizes, dtype);
        kernels().unary(op, x, out);
        const Tensor expected =
            filled(sizes, dtype, [&](const Dims& i) { return reference(op, at(x, i)); });
        QVERIFY(same(out, expected, concat("unary ", int(op), " at an extreme")));
      }
    }
  }

  void binary() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = random_floating(*draw_);
      const Dims sizes = random_sizes(*draw_, 4, 9);
      const Tensor a = random_view(*draw_, sizes, dtype);
      const Tensor b = random_view(*draw_, sizes, dtype);
      for (const BinaryOp op : kBinary) {
        const Tensor out = empty(sizes, dtype);
        kernels().binary(op, a, b, out);
        const Tensor expected =
            filled(sizes, dtype, [&](const Dims& i) { return reference(op, at(a, i), at(b, i)); });
        QVERIFY(same(out, expected, concat("binary ", int(op), " ", describe(a))));
      }
    }
  }

  void affine_and_axpy() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = random_floating(*draw_);
      const Dims sizes = random_sizes(*draw_, 3, 20);
      const Tensor x = random_view(*draw_, sizes, dtype);
      const double scale = draw_->real(-2, 2);
      const double shift = draw_->real(-2, 2);
      const Tensor out = empty(sizes, dtype);
      kernels().affine(x, scale, shift, out);
      QVERIFY(same(out,
                   filled(sizes, dtype, [&](const Dims& i) { return at(x, i) * scale + shift; }),
                   "affine"));
      const Tensor y = draw_->numbers(sizes, dtype);
      const Tensor expected =
          filled(sizes, dtype, [&](const Dims& i) { return at(y, i) + at(x, i) * scale; });
      kernels().axpy(x, scale, y);
      QVERIFY(same(y, expected, "axpy"));
    }
  }

  void copies_convert() {
    const std::vector<double> numbers{0, 1, -1, 2.5, -3.75, 100, 127, 65504, -0.0, 0.099975586};
    const Dims sizes{2, 5};
    const Tensor source = filled(sizes, DType::Float64,
                                 [&](const Dims& i) { return numbers[size_t(i[0] * 5 + i[1])]; });
    for (int from = 0; from < kDTypeCount; ++from) {
      const Tensor first = raw::to(source, static_cast<DType>(from));
      for (int to = 0; to < kDTypeCount; ++to) {
        const Tensor second = raw::to(first, static_cast<DType>(to));
        QCOMPARE(second.dtype(), static_cast<DType>(to));
        // Through a transposed view the same numbers must arrive.
        const Tensor turned = raw::to(first.as_strided({5, 2}, {1, 5}, 0), static_cast<DType>(to));
        const Tensor expected = raw::clone(second.as_strided({5, 2}, {1, 5}, 0));
        QVERIFY(to == from || turned.dtype() == expected.dtype());
        if (to != from) QCOMPARE(bit_difference(turned, expected, "copy"), std::string());
      }
    }
    const Tensor whole = raw::to(source, DType::Int32);
    QCOMPARE(whole.data<int32_t>()[3], 2);
    QCOMPARE(whole.data<int32_t>()[4], -3);
    const Tensor half = raw::to(raw::to(source, DType::Float16), DType::Float64);
    QCOMPARE(half.data<double>()[7], 65504.0);
    const Tensor brain = raw::to(raw::to(source, DType::BFloat16), DType::Float64);
    QCOMPARE(brain.data<double>()[5], 100.0);
    QCOMPARE(brain.data<double>()[9], 0.10009765625);
    const Tensor truth = raw::to(source, DType::Bool);
    QCOMPARE(truth.data<bool>()[0], false);
    QCOMPARE(truth.data<bool>()[3], true);
    const Tensor back = raw::to(raw::to(source, DType::Complex64), DType::Float64);
    QCOMPARE(back.data<double>()[3], 2.5);
  }

  void fills_views() {
    for (int dtype = 0; dtype < kDTypeCount; ++dtype) {
      const Tensor whole = zeros({4, 6}, static_cast<DType>(dtype));
      raw::fill_(whole.as_strided({2, 3}, {12, 2}, 1), 1);
      const Tensor seen = raw::to(whole, DType::Float64);
      for_each_index({4, 6}, [&](const Dims& i) {
        const bool inside = i[0] % 2 == 0 && i[1] % 2 == 1;
        QCOMPARE(at(seen, i), inside ? 1.0 : 0.0);
      });
    }
  }

  void sums() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = random_floating(*draw_);
      const Dims sizes = random_sizes(*draw_, 4, 12);
      const Tensor x = random_view(*draw_, sizes, dtype);
      Dims kept = sizes;
      for (int64_t& size : kept) size = draw_->chance(0.5) ? 1 : size;
      const Tensor out = empty(kept, dtype);
      kernels().sum(x, out);
      std::vector<double> totals(size_t(std::max<int64_t>(numel(kept), 1)));
      const Dims dense = contiguous_strides(kept);
      for_each_index(sizes, [&](const Dims& i) {
        int64_t target = 0;
        for (size_t d = 0; d < i.size(); ++d) target += kept[d] == 1 ? 0 : i[d] * dense[d];
        totals[size_t(target)] += at(x, i);
      });
      int64_t next = 0;
      const Tensor expected =
          filled(kept, dtype, [&](const Dims&) { return totals[size_t(next++)]; });
      QVERIFY(same(out, expected, concat("sum ", describe(x), " to ", to_string(kept))));
    }
  }

  void long_sum_is_accurate() {
    const int64_t count = 3'000'001;
    const Tensor x = full({count}, 0.1);
    const Tensor out = empty({1});
    kernels().sum(x, out);
    const double expected = double(0.1f) * double(count);
    QVERIFY(std::abs(out.item() - expected) <= 1e-6 * expected);
  }

  void argmax() {
    const Tensor x = filled({4, 5}, DType::Float32, [](const Dims& i) {
      if (i[0] == 1) return 7.0;                                      // all alike: the first
      if (i[0] == 2) return i[1] == 3 ? kNan : 100.0 * double(i[1]);  // NaN counts as largest
      if (i[0] == 3) return -double(i[1]) - 1;
      return double((i[1] * 3) % 5);
    });
    const Tensor out = empty({4}, DType::Int64);
    kernels().extreme(ReduceOp::Max, x, {}, out);
    const std::vector<int64_t> expected{3, 0, 3, 0};
    for (size_t i = 0; i < 4; ++i) QCOMPARE(out.data<int64_t>()[i], expected[i]);
  }

  void products() {
    for (int round = 0; round < kRounds; ++round) {
      const DType dtype = random_floating(*draw_);
      const bool large = round % 100 == 0;
      const auto side = [&] { return draw_->integer(1, large ? 600 : 50); };
      const int64_t m = side();
      const int64_t n = side();
      const int64_t k = side();
      const Tensor a = draw_->chance(0.5)
                           ? draw_->numbers({m, k}, dtype)
                           : draw_->numbers({k, m}, dtype).as_strided({m, k}, {1, m}, 0);
      const Tensor b = draw_->chance(0.5)
                           ? draw_->numbers({k, n}, dtype)
                           : draw_->numbers({n, k}, dtype).as_strided({k, n}, {1, k}, 0);
      const Tensor out = empty({m, n}, dtype);
      kernels().matmul(a, b, out);
      const Eigen::MatrixXd product = matrix(a) * matrix(b);
      const Tensor expected =
          filled({m, n}, dtype, [&](const Dims& i) { return product(i[0], i[1]); });
      QVERIFY(same(out, expected, concat("matmul ", m, "×", k, "×", n), 4 + double(k) / 8));

      const Tensor x = draw_->numbers({m, k}, dtype);
      const Tensor weight = draw_->numbers({n, k}, dtype);
      const Tensor bias = draw_->chance(0.5) ? draw_->numbers({n}, dtype) : Tensor();
      kernels().linear(x, weight, bias, out);
      const Eigen::MatrixXd sums = matrix(x) * matrix(weight).transpose();
      const Tensor answer = filled({m, n}, dtype, [&](const Dims& i) {
        return sums(i[0], i[1]) + (bias.defined() ? at(bias, {i[1]}) : 0);
      });
      QVERIFY(same(out, answer, concat("linear ", m, "×", k, "×", n), 4 + double(k) / 8));
    }
  }

  void empty_products() {
    const Tensor out = full({3, 2}, 5);
    const Tensor bias = full({2}, 1.5);
    kernels().linear(empty({3, 0}), empty({2, 0}), bias, out);
    for (int i = 0; i < 6; ++i) QCOMPARE(out.data<float>()[i], 1.5f);
    kernels().linear(empty({0, 4}), empty({2, 4}), bias, empty({0, 2}));
  }

  void repeats_bit_for_bit() {
    const Tensor x = draw_->numbers({300, 500}, DType::Float32);
    const Tensor weight = draw_->numbers({200, 500}, DType::Float32);
    const Tensor target = draw_->whole({300}, 0, 199);
    const auto once = [&] {
      std::array<Tensor, 4> out{empty({300, 200}), empty({1, 200}), empty({}), empty({300, 200})};
      kernels().linear(x, weight, {}, out[0]);
      kernels().sum(out[0], out[1]);
      kernels().cross_entropy(out[0], target, -100, out[2], out[3]);
      return out;
    };
    const auto first = once();
    for (int round = 0; round < 20; ++round) {
      const auto again = once();
      for (size_t i = 0; i < first.size(); ++i) {
        QCOMPARE(bit_difference(again[i], first[i], "repetition"), std::string());
      }
    }
  }

 private:
  static Eigen::MatrixXd matrix(const Tensor& x) {
    Eigen::MatrixXd out(x.size(0), x.size(1));
    for_each_index(x.sizes(), [&](const Dims& i) { out(i[0], i[1]) = at(x, i); });
    return out;
  }

  std::unique_ptr<Draw> draw_;
};

QTEST_GUILESS_MAIN(TestCpuKernels)
#include "test_cpu_kernels.moc"
