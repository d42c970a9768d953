#include <QtTest>
#include <algorithm>
#include <cstdio>
#include <limits>
#include <map>

#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/ops/arithmetic.h"
#include "core/ops/elementwise.h"
#include "core/ops/gamma.h"
#include "core/ops/rank.h"
#include "core/ops/shape.h"
#include "tests/support/call_oracle.h"
#include "tests/support/compare.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 100;  // of each op

/// Numbers that are all different, so that there is one right index; now and then with a NaN.
Tensor distinct(Drawn& d, const Dims& sizes) {
  constexpr DType kKinds[] = {DType::Float32, DType::Float64, DType::Int64, DType::Int32};
  const DType dtype = kKinds[d.draw.integer(0, 3)];
  Generator generator(static_cast<uint64_t>(d.draw.integer(0, 1'000'000)));
  const std::vector<int64_t> order = generator.randperm(numel(sizes));
  const Tensor x = raw::to(tensor_of<int64_t>(order, sizes), dtype);
  if (!is_floating(dtype)) return x;
  if (d.draw.chance(0.3) && x.numel() > 0) {
    raw::fill_(x.as_strided({}, {}, d.draw.integer(0, x.numel() - 1)),
               std::numeric_limits<double>::quiet_NaN());
  }
  return x.set_requires_grad();
}

std::string keep_text(bool keep) {
  return keep ? "True" : "False";
}

ops::Keep keep_of(bool keep) {
  return keep ? ops::Keep::Yes : ops::Keep::No;
}

Call kthvalue_call(Drawn& d) {
  const Tensor x = distinct(d, d.sizes(0, 3));
  const int64_t dim = d.dim(x.dim());
  const int64_t size = x.dim() == 0 ? 1 : x.size(dim);
  const int64_t k = d.draw.integer(d.draw.chance(0.05) ? 0 : 1, std::max<int64_t>(size, 1));
  const bool keep = d.draw.chance(0.5);
  return {concat("x.kthvalue(", k, ", ", dim, ", ", keep_text(keep), ")"),
          {{"x", x}},
          [=]() -> Tensors {
            const auto found = ops::kthvalue(x, k, dim, keep_of(keep));
            return {found.values, found.indices};
          }};
}

template <Tensor (*all)(const Tensor&), ops::Sorted (*along)(const Tensor&, int64_t, ops::Keep)>
Call median_call(Drawn& d, const char* name) {
  const Tensor x = distinct(d, d.sizes(0, 3));
  // Whole numbers have no NaN for the median of nothing: torch's is what the cast leaves.
  if (d.draw.chance(0.4) && (x.numel() > 0 || is_floating(x.dtype()))) {
    return {concat("x.", name, "()"), {{"x", x}}, [=]() -> Tensors { return {all(x)}; }};
  }
  const int64_t dim = d.dim(x.dim());
  const bool keep = d.draw.chance(0.5);
  return {concat("x.", name, "(", dim, ", ", keep_text(keep), ")"), {{"x", x}}, [=]() -> Tensors {
            const auto found = along(x, dim, keep_of(keep));
            return {found.values, found.indices};
          }};
}

/// Equal ones share the gradient of the median of all.
Call equal_medians_call(Drawn& d) {
  const Tensor x = raw::to(d.draw.whole(d.sizes(1, 2), 1, 2), DType::Float32).set_requires_grad();
  return {"x.median()", {{"x", x}}, [=]() -> Tensors { return {ops::median(x)}; }};
}

Call mode_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 3));
  const int64_t dim = d.dim(x.dim());
  const bool keep = d.draw.chance(0.5);
  return {concat("x.mode(", dim, ", ", keep_text(keep), ")"), {{"x", x}}, [=]() -> Tensors {
            const auto found = ops::mode(x, dim, keep_of(keep));
            return {found.values, found.indices};
          }};
}

template <ops::Sorted (*scan)(const Tensor&, int64_t)>
Call running_call(Drawn& d, const char* name) {
  const Tensor x = d.draw.chance(0.3) ? distinct(d, d.sizes(1, 3)) : d.tensor(d.sizes(0, 3));
  const int64_t dim = d.dim(x.dim());
  return {concat("x.", name, "(", dim, ")"), {{"x", x}}, [=]() -> Tensors {
            const auto found = scan(x, dim);
            return {found.values, found.indices};
          }};
}

/// In float64 from far below 0 to far above it, but at no pole, where rounding decides; in others
/// above ½, as PyTorch's own rounding near the poles shows.
template <Tensor (*function)(const Tensor&)>
Call gamma_call(Drawn& d, const char* name) {
  const Tensor x = d.tensor(d.sizes(0, 3), d.draw.chance(0.5) ? DType::Float64 : d.dtype());
  const double scale = d.draw.chance(0.5) ? 1 : d.draw.chance(0.5) ? 0.05 : 7.3;
  if (x.dtype() == DType::Float64) {
    return {concat("torch.", name, "(x * ", scale, " + 0.013)"), {{"x", x}}, [=]() -> Tensors {
              return {function(ops::add(ops::mul(x, scale), 0.013))};
            }};
  }
  if (!is_floating(x.dtype())) {
    return {concat("torch.", name, "(x)"), {{"x", x}}, [=]() -> Tensors { return {function(x)}; }};
  }
  return {concat("torch.", name, "(x.abs() + 0.5)"), {{"x", x}}, [=]() -> Tensors {
            return {function(ops::add(ops::abs(x), 0.5))};
          }};
}

const Makers& makers() {
  static const Makers all{
      {"kthvalue", kthvalue_call},
      {"median", [](Drawn& d) { return median_call<ops::median, ops::median>(d, "median"); }},
      {"nanmedian",
       [](Drawn& d) { return median_call<ops::nanmedian, ops::nanmedian>(d, "nanmedian"); }},
      {"equal medians", equal_medians_call},
      {"mode", mode_call},
      {"cummax", [](Drawn& d) { return running_call<ops::cummax>(d, "cummax"); }},
      {"cummin", [](Drawn& d) { return running_call<ops::cummin>(d, "cummin"); }},
      {"lgamma", [](Drawn& d) { return gamma_call<ops::lgamma>(d, "lgamma"); }},
      {"digamma", [](Drawn& d) { return gamma_call<ops::digamma>(d, "digamma"); }},
  };
  return all;
}

}  // namespace

/// Numbers chosen by their order, and the gamma functions, against PyTorch.
class TestRankOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str()); }

  void matches_torch_data() { add_rows(makers()); }
  void matches_torch() { compare_row(oracle_, makers(), kCases); }

  void gamma_at_special_places() {
    const double inf = std::numeric_limits<double>::infinity();
    const std::vector<double> places{0,     -0.0,   -1,     -2,        inf,       -inf,        0.5,
                                     1,     2,      1e-9,   -1e-9,     1e9,       171.5,       -0.5,
                                     -19.5, -20.25, 1e-300, 3.0000001, 1.0000001, std::nan("")};
    const Tensor x = tensor_of<double>(places, {static_cast<int64_t>(places.size())});
    const auto torch =
        oracle_.run("a = torch.lgamma(x)\nb = torch.digamma(x)", {{"x", x}}, {"a", "b"});
    QVERIFY2(torch.ok(), torch.error.c_str());
    QCOMPARE(difference(ops::lgamma(x), torch["a"], "lgamma"), std::string());
    QCOMPARE(difference(ops::digamma(x), torch["b"], "digamma"), std::string());
  }

 private:
  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestRankOracle)
#include "test_rank_oracle.moc"
