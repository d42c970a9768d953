#include <QtTest>
#include <cstdio>

#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/comparison.h"
#include "core/ops/creation.h"
#include "core/ops/elementwise.h"
#include "core/ops/in_place.h"
#include "core/ops/index.h"
#include "core/ops/promotion.h"
#include "tests/support/compare.h"
#include "tests/support/op_oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 60;

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);
using WithNumber = Tensor (*)(const Tensor&, const Scalar&);

OpRow unary(const std::string& name, Unary function, double width = 2, bool positive = false) {
  return {name,  "torch." + name + "(a)",
          1,     [function](const Tensors& x, const Scalar&, int64_t) { return function(x[0]); },
          width, positive};
}
OpRow binary(const std::string& name, Binary function, bool positive = false) {
  return {
      name, "torch." + name + "(a, b)",
      2,    [function](const Tensors& x, const Scalar&, int64_t) { return function(x[0], x[1]); },
      2,    positive};
}
OpRow number(const std::string& name, WithNumber function, bool positive = false) {
  return {name + " number",
          "torch." + name + "(a, s)",
          1,
          [function](const Tensors& x, const Scalar& s, int64_t) { return function(x[0], s); },
          2,
          positive};
}

/// Not of 0. PyTorch's gradient subtracts from the exponent, which bool does not have, and takes
/// the real logarithm of a real base beside a complex exponent.
OpRow power(const std::string& name, bool positive) {
  return {name,
          "(lambda a: torch.pow(a.to(torch.result_type(a, b)) if b.is_complex() else a, "
          "b.to(a.dtype) if b.dtype == torch.bool and a.dtype != torch.bool else b))(a + (a == 0))",
          2,
          [](const Tensors& x, const Scalar&, int64_t) {
            return ops::pow(x[0] + ops::eq(x[0], 0), x[1]);
          },
          2,
          positive};
}

std::vector<OpRow> unary_rows() {
  return {
      unary("neg", ops::neg),
      unary("abs", ops::abs),
      unary("sign", ops::sign),
      // PyTorch's gradient of the sgn of real numbers is memory that nobody wrote.
      {"sgn", "torch.sgn(a) if a.is_complex() else torch.sign(a)", 1,
       [](const Tensors& x, const Scalar&, int64_t) { return ops::sgn(x[0]); }},
      unary("square", ops::square),
      unary("exp", ops::exp),
      unary("expm1", ops::expm1),
      unary("log", ops::log, 2, true),
      unary("log", ops::log),
      unary("log1p", ops::log1p, 2, true),
      unary("log2", ops::log2, 2, true),
      unary("log10", ops::log10, 2, true),
      unary("sqrt", ops::sqrt, 2, true),
      unary("rsqrt", ops::rsqrt, 2, true),
      unary("reciprocal", ops::reciprocal, 2, true),
      unary("sin", ops::sin),
      unary("cos", ops::cos),
      unary("tan", ops::tan, 1),
      unary("asin", ops::asin, 0.9),
      unary("acos", ops::acos, 0.9),
      unary("atan", ops::atan),
      unary("sinh", ops::sinh),
      unary("cosh", ops::cosh),
      unary("asinh", ops::asinh),
      unary("atanh", ops::atanh, 0.9),
      {"acosh", "torch.acosh(a.abs() + 1.1)", 1,
       [](const Tensors& x, const Scalar&, int64_t) { return ops::acosh(ops::abs(x[0]) + 1.1); }},
      unary("erf", ops::erf),
      unary("erfc", ops::erfc),
      unary("erfinv", ops::erfinv, 0.9),
      unary("floor", ops::floor, 5),
      unary("ceil", ops::ceil, 5),
      unary("round", ops::round, 5),
      unary("trunc", ops::trunc, 5),
      unary("frac", ops::frac, 5),
      unary("logical_not", ops::logical_not),
      unary("isnan", ops::isnan),
      unary("isinf", ops::isinf),
      unary("isfinite", ops::isfinite),
      unary("bitwise_not", ops::bitwise_not),
      unary("conj_physical", ops::conj),
      unary("real", ops::real),
      unary("imag", ops::imag),
      unary("angle", ops::angle),
      unary("view_as_real", ops::view_as_real),
  };
}

std::vector<OpRow> binary_rows() {
  return {
      binary("add", ops::add),
      binary("sub", ops::sub),
      binary("mul", ops::mul),
      binary("div", ops::div, true),
      binary("floor_divide", ops::floor_divide),
      binary("remainder", ops::remainder),
      binary("fmod", ops::fmod),
      power("pow above 0", true),
      power("pow", false),
      // PyTorch's gradient lets uint8 wrap around, and fails for bool.
      {"atan2",
       "torch.atan2(*(t if t.dtype not in (torch.uint8, torch.bool) else t.short() for t "
       "in (a, b)))",
       2, [](const Tensors& x, const Scalar&, int64_t) { return ops::atan2(x[0], x[1]); }},
      binary("maximum", ops::maximum),
      binary("minimum", ops::minimum),
      binary("fmax", ops::fmax),
      binary("fmin", ops::fmin),
      binary("eq", ops::eq),
      binary("ne", ops::ne),
      binary("lt", ops::lt),
      binary("le", ops::le),
      binary("gt", ops::gt),
      binary("ge", ops::ge),
      binary("logical_and", ops::logical_and),
      binary("logical_or", ops::logical_or),
      binary("logical_xor", ops::logical_xor),
      binary("bitwise_and", ops::bitwise_and),
      binary("bitwise_or", ops::bitwise_or),
      binary("bitwise_xor", ops::bitwise_xor),
      binary("bitwise_left_shift", ops::bitwise_left_shift, true),
      binary("bitwise_right_shift", ops::bitwise_right_shift, true),
      {"complex", "torch.complex(a, b if a.dtype != torch.half else None)", 2,
       [](const Tensors& x, const Scalar&, int64_t) { return ops::complex(x[0], x[1]); }},
      number("add", ops::add),
      number("sub", ops::sub),
      number("mul", ops::mul),
      number("div", ops::div),
      number("floor_divide", ops::floor_divide, true),
      number("remainder", ops::remainder, true),
      number("fmod", ops::fmod, true),
      number("pow", ops::pow, true),
      number("eq", ops::eq),
      number("ne", ops::ne),
      number("lt", ops::lt),
      number("le", ops::le),
      number("gt", ops::gt),
      number("ge", ops::ge),
  };
}

std::vector<OpRow> other_rows() {
  return {
      number("bitwise_and", ops::bitwise_and),
      number("bitwise_or", ops::bitwise_or),
      number("bitwise_xor", ops::bitwise_xor),
      number("bitwise_left_shift", ops::bitwise_left_shift, true),
      number("bitwise_right_shift", ops::bitwise_right_shift, true),
      {"number by", "torch.floor_divide(s, a + (a == 0))", 1,
       [](const Tensors& x, const Scalar& s, int64_t) {
         return ops::floor_divide(s, x[0] + ops::eq(x[0], 0));
       }},
      {"number's rest", "torch.remainder(s, (a + (a == 0)).detach())", 1,
       [](const Tensors& x, const Scalar& s, int64_t) {
         return ops::remainder(s, (x[0] + ops::eq(x[0], 0)).detach());
       }},
      {"number minus", "s - a", 1,
       [](const Tensors& x, const Scalar& s, int64_t) { return ops::sub(s, x[0]); }},
      {"number over", "s / a", 1,
       [](const Tensors& x, const Scalar& s, int64_t) { return ops::div(s, x[0]); }, 2, true},
      {"number to the", "torch.pow(int(s) if isinstance(s, bool) else s, a)", 1,
       [](const Tensors& x, const Scalar& s, int64_t) {
         return ops::pow(s.is_bool() ? Scalar(s.to_int64()) : s, x[0]);
       },
       2, true},
      {"where", "torch.where(a > 0, b, c) if not a.is_complex() else torch.where(a, b, c)", 3,
       [](const Tensors& x, const Scalar&, int64_t) {
         return ops::where(is_complex(x[0].dtype()) ? x[0] : ops::gt(x[0], 0), x[1], x[2]);
       }},
      {"clamp", "torch.clamp(a, s, 1)", 1,
       [](const Tensors& x, const Scalar& s, int64_t) { return ops::clamp(x[0], s, 1); }},
      {"clamp from below", "torch.clamp(a, min=s)", 1,
       [](const Tensors& x, const Scalar& s, int64_t) { return ops::clamp(x[0], s, {}); }},
      {"clamp from above", "torch.clamp(a, max=s)", 1,
       [](const Tensors& x, const Scalar& s, int64_t) {
         return ops::clamp(x[0], std::nullopt, s);
       }},
      {"clamp between", "torch.clamp(a, b, c)", 3,
       [](const Tensors& x, const Scalar&, int64_t) { return ops::clamp(x[0], x[1], x[2]); }},
      {"lerp", "torch.lerp(a, b, s)", 2,
       [](const Tensors& x, const Scalar& s, int64_t) { return ops::lerp(x[0], x[1], s); }},
      {"addcmul", "torch.addcmul(a, b, c, value=2)", 3,
       [](const Tensors& x, const Scalar&, int64_t) { return ops::addcmul(x[0], x[1], x[2], 2); }},
      {"to", "a.to(b.dtype)", 2,
       [](const Tensors& x, const Scalar&, int64_t) { return ops::to(x[0], x[1].dtype()); }},
  };
}

}  // namespace

/// Elementwise functions of every dtype, pair of dtypes and layout against PyTorch.
class TestElementwiseOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str());
    test_seed();
  }

  void matches_torch_data() {
    QTest::addColumn<int>("index");
    rows_ = unary_rows();
    for (const auto& more : {binary_rows(), other_rows()}) {
      rows_.insert(rows_.end(), more.begin(), more.end());
    }
    for (size_t i = 0; i < rows_.size(); ++i) {
      QTest::newRow(concat(rows_[i].name, rows_[i].positive ? " above 0" : "").c_str()) << int(i);
    }
  }

  void matches_torch() {
    QFETCH(int, index);
    OpOracle tries(oracle_, test_seed() + static_cast<uint64_t>(index));
    const OpRow& row = rows_[static_cast<size_t>(index)];
    // Some functions take few dtypes: on until they have met them.
    for (int i = 0; i < kCases || (tries.compared() < 2 && i < 20 * kCases); ++i) {
      const std::string text = tries.check(row);
      QVERIFY2(text.empty(), text.c_str());
    }
    QVERIFY2(tries.compared() >= 2, "hardly anything was compared");
  }

  /// Results lie in memory as torch's do, also where numbers are converted first.
  void layouts_are_torch_s() {
    OpOracle tries(oracle_, test_seed());
    Draw& draw = tries.draw();
    int turned = 0;
    for (int i = 0; i < 200; ++i) {
      Dims sizes;
      for (int64_t rank = draw.integer(2, 4); rank > 0; --rank) sizes.push_back(draw.integer(2, 4));
      const Tensor a = tries.laid_out(tries.numbers(sizes, tries.dtype(), 2, true, false), false);
      const Tensor b = tries.numbers(sizes, tries.dtype(), 2, true, false);
      const bool half = a.dtype() == DType::Float16 || b.dtype() == DType::Float16;
      if (half && (is_complex(a.dtype()) || is_complex(b.dtype()))) continue;
      const auto torch = oracle_.run(
          "result = {k: torch.tensor(y.stride()) for k, y in dict(to=a.to(b.dtype), add=a + b, "
          "eq=(a == b), mul=a * 2.5, where=torch.where(a == b, a, b)).items()}",
          {{"a", a}, {"b", b}}, {});
      QVERIFY2(torch.ok(), torch.error.c_str());
      const std::pair<const char*, Tensor> ours[] = {{"to", ops::to(a, b.dtype())},
                                                     {"add", a + b},
                                                     {"eq", ops::eq(a, b)},
                                                     {"mul", a * 2.5},
                                                     {"where", ops::where(ops::eq(a, b), a, b)}};
      for (const auto& [name, tensor] : ours) {
        const int64_t* theirs = torch[name].data<int64_t>();
        const Dims strides(theirs, theirs + tensor.dim());
        // Of b, in row-major order, torch asks only where a has none; that is another question.
        if (!is_dense_any_order(a.sizes(), a.strides())) continue;
        QVERIFY2(
            tensor.strides() == strides,
            concat(name, " of ", describe(a), " ", to_string(a.strides()), " and ", describe(b),
                   ": ", to_string(tensor.strides()), ", torch's ", to_string(strides))
                .c_str());
        turned += tensor.is_contiguous() ? 0 : 1;
      }
    }
    QVERIFY(turned > 50);
  }

  void numbers_beyond_a_range_are_refused_as_torch_does() {
    const std::vector<std::pair<Scalar, const char*>> numbers{
        {300, "300"},           {-1, "-1"},          {-255, "-255"},
        {-256, "-256"},         {2.5, "2.5"},        {-2.5, "-2.5"},
        {HUGE_VAL, "math.inf"}, {NAN, "math.nan"},   {1e300, "1e300"},
        {65504.0, "65504."},    {7e4, "7e4"},        {3.4e38, "3.4e38"},
        {3.5e38, "3.5e38"},     {true, "True"},      {int64_t{1} << 40, "2**40"},
        {9.3e18, "9.3e18"},     {-9.2e18, "-9.2e18"}};
    for (int i = 0; i < kDTypeCount; ++i) {
      const auto dtype = static_cast<DType>(i);
      for (const auto& [number, python] : numbers) {
        const Tensor x = ops::ones({3}, dtype);
        const Tensor mask = tensor_of<bool>(std::array{true, false, true}, {3});
        const std::pair<const char*, std::function<Tensor()>> ways[] = {
            {"x.fill_(n)", [&] { return ops::fill_(raw::clone(x), number); }},
            {"torch.full((3,), n, dtype=x.dtype)", [&] { return full({3}, number, dtype); }},
            {"torch.full_like(x, n)", [&] { return ops::full_like(x, number); }},
            {"x.masked_fill(m, n)", [&] { return ops::masked_fill(x, mask, number); }},
            {"x.scatter(0, torch.tensor([1]), n)",
             [&] { return ops::scatter(x, 0, full({1}, 1, DType::Int64), number); }}};
        for (const auto& [way, ours] : ways) {
          const auto torch = oracle_.run(concat("import math\nn = ", python, "\ny = ", way),
                                         {{"x", raw::clone(x)}, {"m", mask}}, {"y"});
          const std::string what = concat(way, ", n = ", python, " in ", name(dtype), ": ");
          if (way[0] == 'x' && way[2] == 'm' && number.is_real() && !torch.ok() &&
              torch.error.find("result type") != std::string::npos) {
            continue;  // a matter of kinds, not of ranges
          }
          try {
            const Tensor y = ours();
            QVERIFY2(torch.ok(), (what + torch.error).c_str());
            const auto text = difference(y, torch["y"], what);
            QVERIFY2(text.empty(), text.c_str());
          } catch (const Error& error) {
            QVERIFY2(!torch.ok(), (what + error.text()).c_str());
          }
        }
      }
    }
  }

 private:
  Oracle oracle_;
  std::vector<OpRow> rows_;
};

QTEST_GUILESS_MAIN(TestElementwiseOracle)
#include "test_elementwise_oracle.moc"
