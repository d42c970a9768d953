#include <QtTest>
#include <array>
#include <cmath>

#include "core/ops/arithmetic.h"
#include "core/ops/comparison.h"
#include "core/ops/contraction.h"
#include "core/ops/diagonal.h"
#include "core/ops/elementwise.h"
#include "core/ops/gamma.h"
#include "core/ops/matmul.h"
#include "core/ops/rank.h"
#include "core/ops/reduction.h"
#include "tests/support/gradcheck_ops.h"

using namespace nw;
using namespace nw::test;

namespace {

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);

/// Of any number.
GradRow anywhere(const char* name, Unary function, bool takes_complex) {
  return {name,
          [function](const Tensors& t) { return function(t[0]); },
          {{2, 3, 2}},
          {.takes_complex = takes_complex}};
}
/// Of numbers above ½.
GradRow above(const char* name, Unary function) {
  return {name,
          [function](const Tensors& t) { return function(ops::square(t[0]) + 0.5); },
          {{2, 3, 2}}};
}
/// Of numbers between −1 and 1.
GradRow between(const char* name, Unary function) {
  return {
      name, [function](const Tensors& t) { return function(ops::sin(t[0]) * 0.9); }, {{2, 3, 2}}};
}
GradRow broadcast(const char* name, Binary function, bool takes_complex) {
  return {name,
          [function](const Tensors& t) { return function(t[0], t[1]); },
          {{2, 3, 4}, {3, 1}},
          {.takes_complex = takes_complex, .batched = {0}}};
}

std::vector<GradRow> rows() {
  return {
      anywhere("exp", ops::exp, true),
      anywhere("expm1", ops::expm1, false),
      above("log", ops::log),
      above("log1p", ops::log1p),
      above("log2", ops::log2),
      above("log10", ops::log10),
      above("sqrt", ops::sqrt),
      above("rsqrt", ops::rsqrt),
      above("reciprocal", ops::reciprocal),
      above("lgamma", ops::lgamma),
      above("digamma", ops::digamma),
      above("acosh", [](const Tensor& x) { return ops::acosh(x + 1); }),
      anywhere("sin", ops::sin, true),
      anywhere("cos", ops::cos, true),
      anywhere("sinh", ops::sinh, true),
      anywhere("cosh", ops::cosh, true),
      anywhere("atan", ops::atan, false),
      anywhere("asinh", ops::asinh, false),
      anywhere("erf", ops::erf, false),
      anywhere("erfc", ops::erfc, false),
      anywhere("square", ops::square, true),
      anywhere("abs", ops::abs, true),
      anywhere("neg", ops::neg, true),
      anywhere("conj", ops::conj, true),
      anywhere("real", ops::real, true),
      between("tan", ops::tan),
      between("asin", ops::asin),
      between("acos", ops::acos),
      between("atanh", ops::atanh),
      between("erfinv", ops::erfinv),
      broadcast("add", ops::add, true),
      broadcast("sub", ops::sub, true),
      broadcast("mul", ops::mul, true),
      broadcast(
          "div", [](const Tensor& a, const Tensor& b) { return ops::div(a, ops::square(b) + 0.5); },
          false),
      broadcast(
          "pow", [](const Tensor& a, const Tensor& b) { return ops::pow(ops::square(a) + 0.5, b); },
          false),
      broadcast("atan2", ops::atan2, false),
      broadcast("maximum", ops::maximum, false),
      broadcast("fmin", ops::fmin, false),
      broadcast(
          "where", [](const Tensor& a, const Tensor& b) { return ops::where(ops::gt(a, 0), a, b); },
          false),
      {"clamp", [](const Tensors& t) { return ops::clamp(t[0], -0.5, 0.5); }, {{2, 3, 2}}},
      {"matmul",
       [](const Tensors& t) { return ops::matmul(t[0], t[1]); },
       {{2, 3, 4, 2}, {2, 3}},
       {.takes_complex = true, .batched = {0}}},
      {"bmm",
       [](const Tensors& t) { return ops::bmm(t[0], t[1]); },
       {{2, 3, 4}, {2, 4, 2}},
       {.takes_complex = true}},
      {"addmm",
       [](const Tensors& t) { return ops::addmm(t[0], t[1], t[2], 0.5, 2); },
       {{2}, {3, 4}, {4, 2}},
       {.batched = {1}}},
      {"sum",
       [](const Tensors& t) {
         return ops::sum(t[0], Dims{0, -1});
       },
       {{2, 3, 4}},
       {.takes_complex = true}},
      {"prod",
       [](const Tensors& t) { return ops::prod(t[0], 1); },
       {{2, 3, 2}},
       {.takes_complex = true}},
      {"cumsum",
       [](const Tensors& t) { return ops::cumsum(t[0], 1); },
       {{2, 3, 2}},
       {.takes_complex = true}},
      {"cumprod",
       [](const Tensors& t) { return ops::cumprod(t[0], 1); },
       {{2, 3, 2}},
       {.takes_complex = true}},
      {"amax", [](const Tensors& t) { return ops::amax(t[0], Dims{1}); }, {{2, 3, 2}}},
      {"max over one", [](const Tensors& t) { return ops::max(t[0], 1).first; }, {{2, 3, 2}}},
      {"var",
       [](const Tensors& t) { return ops::var(t[0], Dims{1}); },
       {{2, 3, 2}},
       {.takes_complex = true}},
      {"std", [](const Tensors& t) { return ops::std_dev(t[0], Dims{1}); }, {{2, 3, 2}}},
      {"norm",
       [](const Tensors& t) { return ops::norm(t[0], 3, Dims{1}); },
       {{2, 3, 2}},
       {.takes_complex = true}},
      {"einsum",
       [](const Tensors& t) {
         return ops::einsum("bij,jk,bk->bi", std::array{t[0], t[1], t[2]});
       },
       {{2, 3, 4}, {4, 2}, {2, 2}},
       {.takes_complex = true, .batched = {0, 2}}},
      {"tensordot",
       [](const Tensors& t) {
         return ops::tensordot(t[0], t[1], Dims{1, 2}, Dims{1, 0});
       },
       {{2, 3, 4}, {4, 3, 2}},
       {.takes_complex = true, .batched = {0}}},
      {"baddbmm",
       [](const Tensors& t) { return ops::baddbmm(t[0], t[1], t[2], 0.5, 2); },
       {{3, 2}, {2, 3, 4}, {2, 4, 2}},
       {.batched = {1, 2}}},
      {"cross",
       [](const Tensors& t) { return ops::cross(t[0], t[1], 1); },
       {{2, 3}, {2, 3}},
       {.takes_complex = true}},
      {"median", [](const Tensors& t) { return ops::median(t[0], 1).values; }, {{2, 3, 2}}},
      {"kthvalue", [](const Tensors& t) { return ops::kthvalue(t[0], 2, 1).values; }, {{2, 3, 2}}},
      {"cummax", [](const Tensors& t) { return ops::cummax(t[0], 1).values; }, {{2, 3, 2}}},
      {"diag_embed", [](const Tensors& t) { return ops::diag_embed(t[0], 1); }, {{2, 3}}},
      {"logsumexp", [](const Tensors& t) { return ops::logsumexp(t[0], Dims{1}); }, {{2, 3, 2}}},
  };
}

}  // namespace

/// Gradients of arithmetic, elementwise functions, products and reductions against differences.
class TestGradcheckMath : public QObject {
  Q_OBJECT

 private slots:
  void gradients_are_right_data() { add_rows(rows_); }
  void gradients_are_right() { QVERIFY(check_row(rows_) > 0); }

 private:
  std::vector<GradRow> rows_ = rows();
};

QTEST_GUILESS_MAIN(TestGradcheckMath)
#include "test_gradcheck_math.moc"
