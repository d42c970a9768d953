#include <QtTest>
#include <algorithm>
#include <cmath>
#include <map>

#include "core/autograd/engine.h"
#include "core/backend/creation.h"
#include "core/ops/contraction.h"
#include "core/ops/creation.h"
#include "core/ops/diagonal.h"
#include "core/ops/join.h"
#include "core/ops/reduction.h"
#include "tests/support/call_oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 120;  // of each op

/// Sums come in another order than torch's: float64 shows that they are the right ones.
DType wide(Drawn& d) {
  constexpr DType kKinds[] = {DType::Float64, DType::Float64, DType::Complex128, DType::Int64};
  return kKinds[d.draw.integer(0, 3)];
}

/// Operands whose dimensions have letters out of a few, each with a size of its own.
Call einsum_call(Drawn& d) {
  const DType dtype = wide(d);
  const std::string letters = "aBcd";
  std::map<char, int64_t> sizes;
  for (char c : letters) sizes[c] = d.draw.chance(0.05) ? 0 : d.draw.integer(1, 3);
  const bool rest = d.draw.chance(0.4);
  const Dims rest_sizes{d.draw.integer(1, 2), d.draw.integer(1, 3)};
  Call call;
  std::string equation, used;
  std::vector<Tensor> operands;
  const int64_t count = d.draw.integer(1, 3);
  for (int64_t i = 0; i < count; ++i) {
    Dims shape;
    const int64_t rank = d.draw.integer(0, 3);
    const int64_t rest_at = rest && d.draw.chance(0.7) ? d.draw.integer(0, rank) : -1;
    equation += i > 0 ? "," : "";
    for (int64_t j = 0; j <= rank; ++j) {
      if (j == rest_at) {
        equation += "...";
        for (int64_t k = d.draw.integer(0, 2); k > 0; --k) {
          shape.push_back(d.draw.chance(0.3) ? 1 : rest_sizes[static_cast<size_t>(2 - k)]);
        }
      }
      if (j == rank) break;
      const char c = letters[static_cast<size_t>(d.draw.integer(0, 3))];
      equation += c;
      used += c;
      shape.push_back(d.draw.chance(0.05) ? 1 : sizes[c]);
    }
    operands.push_back(d.tensor(shape, dtype));
    call.inputs.emplace_back(concat("x", i), operands.back());
  }
  if (d.draw.chance(0.6)) {
    std::string output;
    for (char c : letters) {
      if (used.find(c) == used.npos || d.draw.chance(0.5)) continue;
      output.insert(static_cast<size_t>(d.draw.integer(0, static_cast<int64_t>(output.size()))), 1,
                    c);
    }
    if (rest && d.draw.chance(0.8)) output = "..." + output;
    if (d.draw.chance(0.03)) output += "z";
    equation += " -> " + output;
  }
  std::string names;
  for (const auto& [name, tensor] : call.inputs) names += ", " + name;
  call.python = concat("torch.einsum('", equation, "'", names, ")");
  call.ours = [=]() -> Tensors { return {ops::einsum(equation, operands)}; };
  return call;
}

Call tensordot_call(Drawn& d) {
  const DType dtype = wide(d);
  Dims a_sizes = d.sizes(1, 3);
  Dims b_sizes = d.sizes(1, 3);
  const int64_t pairs =
      d.draw.integer(0, static_cast<int64_t>(std::min(a_sizes.size(), b_sizes.size())));
  Dims a_dims, b_dims;
  for (int64_t i = 0; i < pairs; ++i) {
    const auto in_a = static_cast<size_t>(i);
    const size_t in_b = b_sizes.size() - 1 - in_a;
    if (!d.draw.chance(0.05)) b_sizes[in_b] = a_sizes[in_a];
    a_dims.push_back(i);
    b_dims.push_back(static_cast<int64_t>(in_b) -
                     (d.draw.chance(0.5) ? static_cast<int64_t>(b_sizes.size()) : 0));
  }
  const Tensor a = d.tensor(a_sizes, dtype);
  const Tensor b = d.tensor(b_sizes, dtype);
  return {concat("torch.tensordot(a, b, (", list(a_dims), ", ", list(b_dims), "))"),
          {{"a", a}, {"b", b}},
          [=]() -> Tensors { return {ops::tensordot(a, b, a_dims, b_dims)}; }};
}

Call inner_call(Drawn& d) {
  const DType dtype = wide(d);
  Dims a_sizes = d.sizes(0, 3);
  Dims b_sizes = d.sizes(0, 3);
  if (!a_sizes.empty() && !b_sizes.empty()) b_sizes.back() = a_sizes.back();
  const Tensor a = d.tensor(a_sizes, dtype);
  const Tensor b = d.tensor(b_sizes, dtype);
  return {
      "torch.inner(a, b)", {{"a", a}, {"b", b}}, [=]() -> Tensors { return {ops::inner(a, b)}; }};
}

/// With beta 0 torch 1.13 leaves in the result what was in memory.
Call baddbmm_call(Drawn& d) {
  const DType dtype = wide(d);
  const int64_t n = d.draw.integer(1, 3), m = d.draw.integer(1, 3), k = d.draw.integer(0, 3), p = 2;
  const Tensor a = d.tensor({n, m, k}, dtype);
  const Tensor b = d.tensor({n, k, p}, dtype);
  const Dims whole{n, m, p};
  Dims own = d.draw.chance(0.5) ? whole : Dims{m, p};
  if (d.draw.chance(0.3)) own[0] = 1;
  const Tensor x = d.tensor(own, dtype);
  const int64_t beta = d.draw.integer(1, 2), alpha = d.draw.integer(1, 3);
  return {concat("torch.baddbmm(x, a, b, beta=", beta, ", alpha=", alpha, ")"),
          {{"x", x}, {"a", a}, {"b", b}},
          [=]() -> Tensors { return {ops::baddbmm(x, a, b, beta, alpha)}; }};
}

Call addmv_call(Drawn& d) {
  const DType dtype = wide(d);
  const int64_t m = d.draw.integer(1, 3), k = d.draw.integer(1, 3);
  const Tensor a = d.tensor({m, k}, dtype);
  const Tensor b = d.tensor({k}, dtype);
  const Tensor x = d.tensor(d.draw.chance(0.5) ? Dims{m} : Dims{1}, dtype);
  const int64_t beta = d.draw.integer(0, 2), alpha = d.draw.integer(1, 3);
  return {concat("torch.addmv(x, a, b, beta=", beta, ", alpha=", alpha, ")"),
          {{"x", x}, {"a", a}, {"b", b}},
          [=]() -> Tensors { return {ops::addmv(x, a, b, beta, alpha)}; }};
}

Call cross_call(Drawn& d) {
  const DType dtype = wide(d);
  Dims sizes = d.sizes(1, 3);
  sizes[static_cast<size_t>(d.draw.integer(0, static_cast<int64_t>(sizes.size()) - 1))] = 3;
  const Tensor a = d.tensor(sizes, dtype);
  Dims other = sizes;
  for (int64_t& size : other) {
    if (size != 3 && d.draw.chance(0.3)) size = 1;
  }
  const Tensor b = d.tensor(other, dtype);
  const auto dim = d.maybe(-a.dim(), a.dim() - 1);
  return {concat("torch.cross(a, b, dim=", none_or(dim), ")"),
          {{"a", a}, {"b", b}},
          [=]() -> Tensors { return {ops::cross(a, b, dim)}; }};
}

Call diag_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 2));
  const int64_t offset = d.draw.integer(-2, 2);
  return {concat("torch.diag(x, ", offset, ")"), {{"x", x}}, [=]() -> Tensors {
            return {ops::diag(x, offset)};
          }};
}

Call diag_embed_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 3));
  const int64_t offset = d.draw.integer(-2, 2);
  const int64_t dim1 = d.dim(x.dim() + 1), dim2 = d.dim(x.dim() + 1);
  return {concat("torch.diag_embed(x, ", offset, ", ", dim1, ", ", dim2, ")"),
          {{"x", x}},
          [=]() -> Tensors { return {ops::diag_embed(x, offset, dim1, dim2)}; }};
}

/// Of a matrix with more rows than columns torch 1.13 puts the gradient beside the diagonal, too.
Call trace_call(Drawn& d) {
  Dims sizes = d.sizes(2, 2);
  std::sort(sizes.begin(), sizes.end());
  const Tensor x = d.tensor(sizes);
  return {"torch.trace(x)", {{"x", x}}, [=]() -> Tensors { return {ops::trace(x)}; }};
}

Call means_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 3), d.draw.chance(0.5) ? DType::Float64 : DType::Float32);
  const int64_t dim = d.dim(x.dim());
  const int64_t correction = x.size(dim) == 1 ? 0 : d.draw.integer(0, 1);
  const bool variance = d.draw.chance(0.5);
  return {concat("torch.", variance ? "var" : "std", "_mean(x, dim=", dim,
                 ", correction=", correction, ")"),
          {{"x", x}},
          [=]() -> Tensors {
            const auto both = variance ? ops::var_mean(x, Dims{dim}, correction)
                                       : ops::std_mean(x, Dims{dim}, correction);
            return {both.first, both.second};
          }};
}

Call cartesian_call(Drawn& d) {
  const DType dtype = d.dtype();
  std::vector<Tensor> vectors;
  Call call;
  std::string names;
  for (int64_t i = d.draw.integer(1, 3); i > 0; --i) {
    vectors.push_back(d.tensor(d.sizes(1, 1), dtype));
    call.inputs.emplace_back(concat("x", i), vectors.back());
    names += concat("x", i, ", ");
  }
  call.python = "torch.cartesian_prod(" + names + ")";
  call.ours = [=]() -> Tensors { return {ops::cartesian_prod(vectors)}; };
  return call;
}

/// torch's keep a dense layout; ours are compared by their numbers.
Call likes_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 3)).detach();
  return {"(torch.ones_like(x), torch.zeros_like(x), torch.full_like(x, 1))",
          {{"x", x}},
          [=]() -> Tensors {
            return {ops::ones_like(x), ops::zeros_like(x), ops::full_like(x, 1)};
          }};
}

const Makers& makers() {
  static const Makers all{
      {"einsum", einsum_call},
      {"tensordot", tensordot_call},
      {"inner", inner_call},
      {"baddbmm", baddbmm_call},
      {"addmv", addmv_call},
      {"cross", cross_call},
      {"diag", diag_call},
      {"diag_embed", diag_embed_call},
      {"trace", trace_call},
      {"var_mean", means_call},
      {"cartesian_prod", cartesian_call},
      {"ones_like", likes_call},
  };
  return all;
}

}  // namespace

/// Sums of products over chosen dimensions, diagonals and the like, against PyTorch.
class TestContractionOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str()); }

  void matches_torch_data() { add_rows(makers()); }
  void matches_torch() { compare_row(oracle_, makers(), kCases); }

  void what_does_not_count_may_be_nan() {
    const Tensor x = full({2}, std::nan(""), DType::Float64);
    x.set_requires_grad();
    const Tensor ones = ops::ones({1, 2, 2}, DType::Float64);
    const Tensor y = ops::baddbmm(x, ones, ones, 0);
    QCOMPARE(y.data<double>()[3], 2.0);
    autograd::backward(y, ones);
    QCOMPARE(x.grad().data<double>()[1], 0.0);
  }

 private:
  Oracle oracle_;
};

QTEST_GUILESS_MAIN(TestContractionOracle)
#include "test_contraction_oracle.moc"
