#include <QtTest>
#include <cmath>
#include <vector>

#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/recurrent_steps.h"
#include "tests/support/draw.h"

using nw::RecurrentCell;
using namespace nw::cpu;

namespace {

template <typename T>
using Numbers = std::vector<T>;

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

template <typename T>
double tolerance() {
  return sizeof(T) == sizeof(float) ? 2e-5 : 1e-12;
}

}  // namespace

/// The parts of recurrent layers in every table of kernels that this processor can run, against
/// plain double arithmetic.
class TestRecurrentKernels : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { nw::test::test_seed(); }

  void packed_products() {
    for (const IsaKernels& table : runnable_isa_kernels()) {
      for (int i = 0; i < 150; ++i) {
        check_product<float>(table);
        check_product<double>(table);
      }
    }
  }

  void steps_data() {
    QTest::addColumn<int>("cell");
    QTest::newRow("tanh") << int(RecurrentCell::Tanh);
    QTest::newRow("relu") << int(RecurrentCell::Relu);
    QTest::newRow("LSTM") << int(RecurrentCell::Lstm);
    QTest::newRow("GRU") << int(RecurrentCell::Gru);
  }
  void steps() {
    QFETCH(int, cell);
    for (const IsaKernels& table : runnable_isa_kernels()) {
      for (int i = 0; i < 40; ++i) {
        check_step<float>(table, RecurrentCell(cell));
        check_step<double>(table, RecurrentCell(cell));
      }
    }
  }

 private:
  template <typename T>
  Numbers<T> numbers(int64_t count) {
    Numbers<T> all(static_cast<size_t>(count));
    for (T& value : all) value = static_cast<T>(draw_.real(-2, 2));
    return all;
  }

  template <typename T>
  void check_product(const IsaKernels& table) {
    const int64_t rows = draw_.integer(1, 20);
    const int64_t terms = draw_.integer(1, 300);
    const int64_t columns = draw_.integer(1, 150);
    const bool transposed = draw_.chance(0.5);
    const bool add = draw_.chance(0.5);
    const auto a = numbers<T>(rows * terms);
    const auto b = numbers<T>(terms * columns);
    const auto before = numbers<T>(rows * columns + 1);
    auto c = before;
    Numbers<T> packed(static_cast<size_t>(packed_size<T>(terms, columns)));
    const RecurrentParts<T>& parts = *table.of<T>().recurrent;
    const int64_t row = transposed ? 1 : columns;
    const int64_t column = transposed ? terms : 1;
    parts.pack(Packing<T>{columns, terms, b.data(), row, column, packed.data()});
    parts.multiply(PackedProduct<T>{rows, columns, terms, a.data(), packed.data(), c.data(), add});
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        const auto at = static_cast<size_t>(i * columns + j);
        double sum = add ? double(before[at]) : 0;
        for (int64_t p = 0; p < terms; ++p) {
          sum += double(a[size_t(i * terms + p)]) * double(b[size_t(p * row + j * column)]);
        }
        QVERIFY2(std::abs(double(c[at]) - sum) <= tolerance<T>() * double(terms),
                 qPrintable(QString("%1×%2×%3").arg(rows).arg(terms).arg(columns)));
      }
    }
    QCOMPARE(c.back(), before.back());  // nothing is written behind the end
  }

  /// One step forward for one unit, from the sums of its gates.
  static double unit(RecurrentCell cell, const double (&x)[4], const double (&h)[4], double bias,
                     double old_h, double& c) {
    switch (cell) {
      case RecurrentCell::Lstm:
        c = sigmoid(x[1] + h[1]) * c + sigmoid(x[0] + h[0]) * std::tanh(x[2] + h[2]);
        return sigmoid(x[3] + h[3]) * std::tanh(c);
      case RecurrentCell::Gru: {
        const double update = sigmoid(x[1] + h[1]);
        const double fresh = std::tanh(x[2] + sigmoid(x[0] + h[0]) * (h[2] + bias));
        return (1 - update) * fresh + update * old_h;
      }
      case RecurrentCell::Relu:
        return std::max(x[0] + h[0], 0.0);
      default:
        return std::tanh(x[0] + h[0]);
    }
  }

  template <typename T>
  void check_step(const IsaKernels& table, RecurrentCell cell) {
    const int64_t rows = draw_.integer(1, 4);
    const int64_t hidden = draw_.integer(1, 37);
    const int64_t gates = nw::gate_count(cell);
    const auto x = numbers<T>(rows * gates * hidden);
    const auto products = numbers<T>(rows * gates * hidden);
    const auto bias = numbers<T>(hidden);
    const auto h = numbers<T>(rows * hidden);
    const auto c = numbers<T>(rows * hidden);
    auto new_h = h;
    auto new_c = c;
    auto y = numbers<T>(rows * hidden);
    table.of<T>().recurrent->step(CellStep<T>{cell, rows, hidden, x.data(), products.data(),
                                              bias.data(), new_h.data(), new_c.data(), y.data(),
                                              nullptr});
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t j = 0; j < hidden; ++j) {
        double from_x[4] = {};
        double from_h[4] = {};
        for (int64_t gate = 0; gate < gates; ++gate) {
          const auto at = static_cast<size_t>((row * gates + gate) * hidden + j);
          from_x[gate] = double(x[at]);
          from_h[gate] = double(products[at]);
        }
        const auto at = static_cast<size_t>(row * hidden + j);
        double memory = double(c[at]);
        const double wanted =
            unit(cell, from_x, from_h, double(bias[size_t(j)]), double(h[at]), memory);
        QVERIFY(std::abs(double(y[at]) - wanted) <= tolerance<T>());
        QCOMPARE(new_h[at], y[at]);
        QVERIFY(std::abs(double(new_c[at]) - memory) <= tolerance<T>());
      }
    }
  }

  nw::test::Draw draw_{nw::test::test_seed()};
};

QTEST_GUILESS_MAIN(TestRecurrentKernels)
#include "test_recurrent_kernels.moc"
