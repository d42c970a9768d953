#include <QtTest>
#include <cmath>

#include "core/ops/arithmetic.h"
#include "core/ops/comparison.h"
#include "core/ops/elementwise.h"
#include "core/ops/reduction.h"
#include "tests/support/op_oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 80;

using Function = std::function<Tensor(const Tensor&, const Scalar&, int64_t)>;

OpRow row(const std::string& name, const std::string& python, Function function) {
  OpRow made{name, python, 1,
             [function = std::move(function)](const Tensors& x, const Scalar& s, int64_t d) {
               return function(x[0], s, d);
             }};
  made.slack = 10;
  return made;
}

std::vector<OpRow> sums() {
  using ops::Keep;
  return {
      row("sum", "a.sum()", [](auto& x, auto&, int64_t) { return ops::sum(x); }),
      row("sum over", "a.sum(d)", [](auto& x, auto&, int64_t d) { return ops::sum(x, Dims{d}); }),
      row("sum over two", "a.sum((0, -1), keepdim=True)",
          [](auto& x, auto&, int64_t) {
            return ops::sum(x, Dims{0, -1}, Keep::Yes);
          }),
      row("mean", "a.mean()", [](auto& x, auto&, int64_t) { return ops::mean(x); }),
      row("mean over", "a.mean(d, keepdim=True)",
          [](auto& x, auto&, int64_t d) { return ops::mean(x, Dims{d}, Keep::Yes); }),
      row("prod", "a.prod()", [](auto& x, auto&, int64_t) { return ops::prod(x); }),
      row("prod over", "a.prod(d)", [](auto& x, auto&, int64_t d) { return ops::prod(x, d); }),
      row("prod with zeros", "(a * (a.abs() > 0.7)).prod(d)",
          [](auto& x, auto&, int64_t d) {
            return ops::prod(ops::mul(x, ops::gt(ops::abs(x), 0.7)), d);
          }),
      row("cumsum", "a.cumsum(d)", [](auto& x, auto&, int64_t d) { return ops::cumsum(x, d); }),
      row("cumprod", "a.cumprod(d)", [](auto& x, auto&, int64_t d) { return ops::cumprod(x, d); }),
      row("var", "a.var()", [](auto& x, auto&, int64_t) { return ops::var(x); }),
      row("var over", "a.var(d, correction=0, keepdim=True)",
          [](auto& x, auto&, int64_t d) { return ops::var(x, Dims{d}, 0, Keep::Yes); }),
      row("std over", "a.std(d)",
          [](auto& x, auto&, int64_t d) { return ops::std_dev(x, Dims{d}); }),
      row("norm", "a.norm()", [](auto& x, auto&, int64_t) { return ops::norm(x); }),
      row("norm p", "a.norm(3 if s == 0 or isinstance(s, complex) else abs(float(s)) + 1, dim=d)",
          [](auto& x, auto& s, int64_t d) {
            const bool odd = s.is_complex() || s.to_double() == 0;
            return ops::norm(x, odd ? 3 : std::abs(s.to_double()) + 1, Dims{d});
          }),
      row("norm 1", "a.norm(1, dim=d, keepdim=True)",
          [](auto& x, auto&, int64_t d) { return ops::norm(x, 1, Dims{d}, Keep::Yes); }),
      row("norm inf", "a.norm(float('inf'), dim=d)",
          [](auto& x, auto&, int64_t d) { return ops::norm(x, HUGE_VAL, Dims{d}); }),
      row("norm 0", "a.norm(0) if a.dtype != torch.bfloat16 else a.float().norm(0).bfloat16()",
          [](auto& x, auto&, int64_t) { return ops::norm(x, 0); }),
      row("logsumexp", "a.logsumexp(d) if not a.is_complex() else a.mean()",
          [](auto& x, auto&, int64_t d) {
            return is_complex(x.dtype()) ? ops::mean(x) : ops::logsumexp(x, Dims{d});
          }),
  };
}

std::vector<OpRow> choices() {
  using ops::Keep;
  return {
      row("amax", "a.amax(d)", [](auto& x, auto&, int64_t d) { return ops::amax(x, Dims{d}); }),
      row("amin", "a.amin((0, -1)) if a.dim() > 1 else a.amin()",
          [](auto& x, auto&, int64_t) {
            return x.dim() > 1 ? ops::amin(x, Dims{0, -1}) : ops::amin(x);
          }),
      row("amax ties", "a.round().amax(d, keepdim=True)",
          [](auto& x, auto&, int64_t d) {
            return ops::amax(ops::mul(ops::round(x), 1), Dims{d}, Keep::Yes);
          }),
      row("max", "a.max()", [](auto& x, auto&, int64_t) { return ops::max(x); }),
      row("min", "a.min()", [](auto& x, auto&, int64_t) { return ops::min(x); }),
      row("max over", "a.max(d).values",
          [](auto& x, auto&, int64_t d) { return ops::max(x, d).first; }),
      row("min over", "a.min(d, keepdim=True).values",
          [](auto& x, auto&, int64_t d) { return ops::min(x, d, Keep::Yes).first; }),
      row("max where", "a.max(d).indices",
          [](auto& x, auto&, int64_t d) { return ops::max(x, d).second; }),
      row("argmax",
          "a.max(d, True)[1] if a.is_complex() or a.dtype == torch.bool else a.argmax(d, True)",
          [](auto& x, auto&, int64_t d) { return ops::argmax(x, d, Keep::Yes); }),
      row("argmin", "a.argmin() if a.dtype != torch.bool else (~a).int().argmax()",
          [](auto& x, auto&, int64_t) { return ops::argmin(x); }),
      row("all", "a.all()", [](auto& x, auto&, int64_t) { return ops::all(x); }),
      row("any", "a.any(d)", [](auto& x, auto&, int64_t d) { return ops::any(x, Dims{d}); }),
      row("count_nonzero", "a.count_nonzero(d)",
          [](auto& x, auto&, int64_t d) { return ops::count_nonzero(x, Dims{d}); }),
  };
}

}  // namespace

/// What makes one number of many, in every dtype and layout, against PyTorch.
class TestReductionsOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test_seed();
  }

  void matches_torch_data() {
    QTest::addColumn<int>("index");
    rows_ = sums();
    for (OpRow& row : rows_) {
      if (row.name == "prod") row.width = 1;  // of hundreds of numbers
      // The slope at 0 depends on whether rounding leaves it at 0.
      if (row.name == "std over") row.repeats = false;
    }
    for (const OpRow& more : choices()) rows_.push_back(more);
    for (size_t i = 0; i < rows_.size(); ++i) QTest::newRow(rows_[i].name.c_str()) << int(i);
  }

  void matches_torch() {
    QFETCH(int, index);
    OpOracle tries(oracle_, test_seed() + static_cast<uint64_t>(index));
    for (int i = 0; i < kCases; ++i) {
      const std::string text = tries.check(rows_[static_cast<size_t>(index)]);
      QVERIFY2(text.empty(), text.c_str());
    }
    QVERIFY2(tries.compared() >= kCases / 4, "hardly anything was compared");
  }

 private:
  Oracle oracle_;
  std::vector<OpRow> rows_;
};

QTEST_GUILESS_MAIN(TestReductionsOracle)
#include "test_reductions_oracle.moc"
