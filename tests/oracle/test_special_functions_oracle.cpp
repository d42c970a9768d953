#include <QtTest>
#include <algorithm>
#include <limits>
#include <map>

#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/counting.h"
#include "core/ops/elementwise.h"
#include "core/ops/special.h"
#include "tests/support/call_oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 100;  // of each op

/// Real numbers with a NaN or an infinity among them now and then.
Tensor with_specials(Drawn& d, const Dims& sizes) {
  const Tensor x = d.tensor(sizes, d.draw.chance(0.5) ? DType::Float64 : DType::Float32).detach();
  const double inf = std::numeric_limits<double>::infinity();
  const double specials[] = {std::numeric_limits<double>::quiet_NaN(), inf, -inf, 0};
  if (x.numel() > 0 && d.draw.chance(0.6)) {
    raw::fill_(x.as_strided({}, {}, x.offset()), specials[d.draw.integer(0, 3)]);
  }
  return x.set_requires_grad();
}

Call exp2_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 3));
  return {"torch.exp2(x)", {{"x", x}}, [=]() -> Tensors { return {ops::exp2(x)}; }};
}

Call logit_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 3), d.draw.chance(0.5) ? DType::Float64 : DType::Float32);
  const auto sigmoid = [=] { return ops::div(1, ops::add(ops::exp(ops::neg(x)), 1)); };
  if (d.draw.chance(0.5)) {
    return {"torch.logit(1 / (1 + torch.exp(-x)))", {{"x", x}}, [=]() -> Tensors {
              return {ops::logit(sigmoid())};
            }};
  }
  return {"torch.logit(1 / (1 + torch.exp(-x)), eps=0.2)", {{"x", x}}, [=]() -> Tensors {
            return {ops::logit(sigmoid(), 0.2)};
          }};
}

Call xlogy_call(Drawn& d) {
  const DType dtype = d.draw.chance(0.5) ? DType::Float64 : DType::Float32;
  const Dims sizes = d.sizes(0, 3);
  const Tensor x = d.tensor(sizes, dtype);
  const Tensor y = d.tensor(sizes, dtype);
  return {"torch.xlogy(x, b.abs() + 0.1)", {{"x", x}, {"b", y}}, [=]() -> Tensors {
            return {ops::xlogy(x, ops::add(ops::abs(y), 0.1))};
          }};
}

/// Of two dtypes, with and without dimensions.
Call promoted_call(Drawn& d) {
  const auto plain = [&d](const Tensor& x) { return d.draw.chance(0.3) ? ops::sum(x) : x; };
  const Dims sizes = d.sizes(0, 2);
  const Tensor x = plain(d.tensor(sizes, d.dtype()).detach());
  const Tensor y = plain(d.tensor(sizes, d.dtype()).detach());
  const Oracle::Inputs inputs{{"x", x}, {"b", y}};
  if (d.draw.chance(0.5)) {
    return {"torch.logaddexp(x, b)", inputs, [=]() -> Tensors { return {ops::logaddexp(x, y)}; }};
  }
  return {"torch.xlogy(x, b)", inputs, [=]() -> Tensors { return {ops::xlogy(x, y)}; }};
}

Call xlogy_specials_call(Drawn& d) {
  const Dims sizes = d.sizes(0, 2);
  const Tensor x = with_specials(d, sizes).detach();
  const Tensor y = raw::to(with_specials(d, sizes).detach(), x.dtype());
  return {
      "torch.xlogy(x, b)", {{"x", x}, {"b", y}}, [=]() -> Tensors { return {ops::xlogy(x, y)}; }};
}

Call logaddexp_call(Drawn& d) {
  const Dims sizes = d.sizes(0, 3);
  const Tensor a = d.tensor(sizes, DType::Float64);
  const Tensor b = d.tensor(sizes, DType::Float64);
  const int64_t scale = d.draw.chance(0.3) ? 500 : 1;
  return {concat("torch.logaddexp(a * ", scale, ", b * ", scale, ")"),
          {{"a", a}, {"b", b}},
          [=]() -> Tensors { return {ops::logaddexp(ops::mul(a, scale), ops::mul(b, scale))}; }};
}

Call nan_to_num_call(Drawn& d) {
  const Tensor x = with_specials(d, d.sizes(0, 3));
  if (d.draw.chance(0.5)) {
    return {"torch.nan_to_num(x)", {{"x", x}}, [=]() -> Tensors { return {ops::nan_to_num(x)}; }};
  }
  return {"torch.nan_to_num(x, 3, 4, -5)", {{"x", x}}, [=]() -> Tensors {
            return {ops::nan_to_num(x, 3, 4, -5)};
          }};
}

Call nansum_call(Drawn& d) {
  const Tensor x = with_specials(d, d.sizes(1, 3));
  const int64_t dim = d.dim(x.dim());
  // Of no number at all torch's mean has the slope NaN, and ours 0.
  const bool mean = d.draw.chance(0.5) && x.size(dim) > 1;
  if (d.draw.chance(0.3)) {
    return {mean ? "x.nanmean()" : "x.nansum()", {{"x", x}}, [=]() -> Tensors {
              return {mean ? ops::nanmean(x) : ops::nansum(x)};
            }};
  }
  return {concat("x.", mean ? "nanmean" : "nansum", "(", dim, ", keepdim=True)"),
          {{"x", x}},
          [=]() -> Tensors {
            return {mean ? ops::nanmean(x, Dims{dim}, ops::Keep::Yes)
                         : ops::nansum(x, Dims{dim}, ops::Keep::Yes)};
          }};
}

Call isclose_call(Drawn& d) {
  const Dims sizes = d.sizes(0, 3);
  const DType dtype = d.dtype();
  const Tensor a = d.tensor(sizes, dtype).detach();
  const Tensor b = d.draw.chance(0.5) ? a : d.tensor(sizes, dtype).detach();
  const double relative = d.draw.chance(0.5) ? 1e-5 : 0.5;
  return {concat("(torch.isclose(a, b, rtol=", relative,
                 "), torch.tensor(torch.allclose(a, b, rtol=", relative, ")))"),
          {{"a", a}, {"b", b}},
          [=]() -> Tensors {
            const bool all = ops::allclose(a, b, relative);
            return {ops::isclose(a, b, relative), full({}, all, DType::Bool)};
          }};
}

Call unique_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 3)).detach();
  return {"torch.unique(x, return_inverse=True, return_counts=True)", {{"x", x}}, [=]() -> Tensors {
            const ops::Unique found = ops::unique(x);
            return {found.values, found.inverse, found.counts};
          }};
}

Call bincount_call(Drawn& d) {
  const DType dtype = d.draw.chance(0.5) ? DType::Int64 : DType::UInt8;
  const Tensor x = raw::to(d.draw.whole({d.draw.integer(0, 8)}, 0, 6), dtype);
  const int64_t least = d.draw.chance(0.5) ? 0 : d.draw.integer(0, 9);
  if (d.draw.chance(0.5)) {
    return {concat("torch.bincount(x, minlength=", least, ")"), {{"x", x}}, [=]() -> Tensors {
              return {ops::bincount(x, least)};
            }};
  }
  const Tensor weights = d.tensor(x.sizes(), d.draw.chance(0.5) ? DType::Float32 : DType::Float64);
  const Tensor plain = weights.detach();
  return {concat("torch.bincount(x, w, minlength=", least, ")"),
          {{"x", x}, {"w", plain}},
          [=]() -> Tensors { return {ops::bincount(x, plain, least)}; }};
}

const Makers& makers() {
  static const Makers all{
      {"exp2", exp2_call},
      {"logit", logit_call},
      {"promoted", promoted_call},
      {"xlogy", xlogy_call},
      {"xlogy specials", xlogy_specials_call},
      {"logaddexp", logaddexp_call},
      {"nan_to_num", nan_to_num_call},
      {"nansum", nansum_call},
      {"isclose", isclose_call},
      {"unique", unique_call},
      {"bincount", bincount_call},
  };
  return all;
}

}  // namespace

/// Functions with care for NaN and the ends of the range, and counts, against PyTorch.
class TestSpecialFunctionsOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str()); }

  void matches_torch_data() { add_rows(makers()); }
  void matches_torch() { compare_row(oracle_, makers(), kCases); }

 private:
  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestSpecialFunctionsOracle)
#include "test_special_functions_oracle.moc"
