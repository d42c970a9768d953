#include <QtTest>
#include <cmath>

#include "core/backend/creation.h"
#include "core/trial/spread.h"

using namespace nw;
using namespace nw::trial;

namespace {

Numbers one(const std::vector<double>& values) {
  return {{"y", tensor_of<double>(values, {static_cast<int64_t>(values.size())})}};
}

bool explains(const Spread& spread, const std::vector<double>& values) {
  return spread.explains("y", one(values)[0].tensor);
}

}  // namespace

/// How cases that rounding spoils are told from wrong ones.
class TestSpread : public QObject {
  Q_OBJECT

 private slots:
  void what_runs_reach_is_explained_and_no_more() {
    Spread spread(one({1, 2}));
    QVERIFY(!explains(spread, {1, 2.001}));
    spread.add(one({1, 2.1}));
    QVERIFY(explains(spread, {0.7, 2.3}));
    QVERIFY(!explains(spread, {1, 2.5}));
    QVERIFY(!spread.explains("another", one({1, 2})[0].tensor));
  }

  void a_lost_number_excuses_itself_alone() {
    const double nan = std::nan("");
    Spread spread(one({1, 2}));
    spread.add(one({nan, 2}));
    QVERIFY(explains(spread, {nan, 2}));
    QVERIFY(explains(spread, {5, 2}));
    QVERIFY(!explains(spread, {1, nan}));
    QVERIFY(!explains(spread, {1, 2.1}));
  }

  void other_sizes_are_never_explained() {
    Spread spread(one({1, 2}));
    spread.add(one({1, 9}));
    spread.add(one({1}));
    QVERIFY(!explains(spread, {1}));
    QVERIFY(explains(spread, {1, 3}));
  }

  void nudged_numbers_are_neighbours() {
    for (const DType dtype :
         {DType::Float64, DType::Float32, DType::Float16, DType::BFloat16, DType::Complex64}) {
      const std::vector<double> values{1.5, -0.3, 0, 1.5, 3, 1e-3, 1.5, -0.3};
      const Tensor dense = raw::to(tensor_of<double>(values, {2, 4}), dtype);
      const Tensor x = dense.as_strided({4, 2}, {1, 4}, 0);
      int changed = 0;
      for (uint64_t which = 1; which <= 8; ++which) {
        const Tensor y = nudged(x, which);
        QCOMPARE(y.dtype(), dtype);
        QCOMPARE(y.strides(), x.strides());
        const Tensor a = wide(x);
        const Tensor b = wide(y);
        const auto* from = a.data<std::complex<double>>();
        const auto* to = b.data<std::complex<double>>();
        for (int64_t i = 0; i < a.numel(); ++i) {
          const double apart = std::abs(from[i] - to[i]);
          QVERIFY(apart <= 4 * step_of(dtype) * std::abs(from[i]));
          changed += apart > 0;
          for (int64_t j = 0; j < i; ++j) QVERIFY(from[i] != from[j] || to[i] == to[j]);
        }
      }
      QVERIFY2(changed > 16, name(dtype).data());
    }
  }

  void shares_stay_shares() {
    const Tensor x = full({1}, 1.0, DType::Float64, kCpu);
    for (uint64_t which = 1; which <= 20; ++which) QVERIFY(nudged(x, which).item() <= 1);
  }

  void whole_numbers_are_not_nudged() {
    const int64_t values[] = {3, 1000};
    const Tensor x = tensor_of<int64_t>(values, {2});
    QVERIFY(nudged(x, 1).is_same(x));
  }
};

QTEST_GUILESS_MAIN(TestSpread)
#include "test_spread.moc"
