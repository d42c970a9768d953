#include <QtTest>
#include <array>
#include <cstdio>
#include <map>

#include "core/autograd/node.h"
#include "core/backend/creation.h"
#include "core/ops/index.h"
#include "core/ops/sort.h"
#include "tests/support/call_oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 120;  // of each op

Call index_select_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 4));
  const int64_t dim = d.dim(x.dim());
  const int64_t size = x.size(dim);
  Tensor index = d.draw.whole({size == 0 ? 0 : d.draw.integer(0, 5)}, d.draw.chance(0.03) ? -1 : 0,
                              std::max<int64_t>(size - 1, 0));
  if (d.draw.chance(0.3)) index = raw::to(index, DType::Int32);
  return {concat("x.index_select(", dim, ", i)"), {{"x", x}, {"i", index}}, [=]() -> Tensors {
            return {ops::index_select(x, dim, index)};
          }};
}

Call index_add_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 4));
  const int64_t dim = d.dim(x.dim());
  const int64_t size = x.size(dim);
  const Tensor index =
      d.draw.whole({size == 0 ? 0 : d.draw.integer(0, 5)}, 0, std::max<int64_t>(size - 1, 0));
  Dims sizes = x.sizes();
  sizes[static_cast<size_t>(dim < 0 ? dim + x.dim() : dim)] = index.numel();
  const Tensor source = d.tensor(sizes, x.dtype());
  const int64_t alpha = x.dtype() == DType::Bool || d.draw.chance(0.5) ? 1 : d.draw.integer(-3, 3);
  return {concat("x.index_add(", dim, ", i, s, alpha=", alpha, ")"),
          {{"x", x}, {"i", index}, {"s", source}},
          [=]() -> Tensors { return {ops::index_add(x, dim, index, source, alpha)}; }};
}

/// An index for gather and scatter: no larger than x outside `dim`.
Tensor element_index(Drawn& d, const Tensor& x, int64_t dim, bool distinct) {
  Dims sizes = x.sizes();
  const auto along = static_cast<size_t>(dim < 0 ? dim + x.dim() : dim);
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (i != along && sizes[i] > 0) sizes[i] = d.draw.integer(1, sizes[i]);
  }
  if (sizes.empty()) return d.draw.whole({}, 0, 0);
  const int64_t size = sizes[along];
  sizes[along] = size == 0 ? 0 : d.draw.integer(0, distinct ? size : 5);
  const Tensor index = d.draw.whole(sizes, 0, std::max<int64_t>(size - 1, 0));
  if (!distinct || index.numel() == 0) return index;
  // A turned 0, 1, 2, … along dim: which of two writes to one place stays is left open in torch.
  int64_t inner = 1;
  for (size_t i = along + 1; i < sizes.size(); ++i) inner *= sizes[i];
  for (int64_t i = 0; i < index.numel(); ++i) {
    const int64_t place = i / inner % sizes[along];
    index.data<int64_t>()[i] = (place + i % inner) % size;
  }
  return index;
}

Call gather_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 4));
  const int64_t dim = d.dim(x.dim());
  const Tensor index = element_index(d, x, dim, false);
  return {concat("x.gather(", dim, ", i)"), {{"x", x}, {"i", index}}, [=]() -> Tensors {
            return {ops::gather(x, dim, index)};
          }};
}

Call take_along_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 3));
  const auto dim = d.maybe(-x.dim(), x.dim() - 1);
  Dims sizes = x.sizes();
  const int64_t count = dim ? x.size(*dim) : x.numel();
  for (int64_t& size : sizes) size = d.draw.chance(0.5) ? 1 : size;
  if (dim) {
    sizes[static_cast<size_t>(*dim < 0 ? *dim + x.dim() : *dim)] =
        count == 0 ? 0 : d.draw.integer(1, 5);
  }
  if (count == 0 && numel(sizes) > 0) sizes[0] = 0;
  const Tensor index = d.draw.whole(sizes, 0, std::max<int64_t>(count - 1, 0));
  return {dim ? concat("x.take_along_dim(i, ", *dim, ")") : "x.take_along_dim(i)",
          {{"x", x}, {"i", index}},
          [=]() -> Tensors { return {ops::take_along_dim(x, index, dim)}; }};
}

Call scatter_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 4));
  const int64_t dim = d.dim(x.dim());
  const bool adds = d.draw.chance(0.5);
  const Tensor index = element_index(d, x, dim, !adds);
  if (!adds && d.draw.chance(0.3)) {
    return {concat("x.scatter(", dim, ", i, 1)"), {{"x", x}, {"i", index}}, [=]() -> Tensors {
              return {ops::scatter(x, dim, index, 1)};
            }};
  }
  const Tensor source = d.tensor(index.sizes(), x.dtype());
  return {concat("x.", adds ? "scatter_add" : "scatter", "(", dim, ", i, s)"),
          {{"x", x}, {"i", index}, {"s", source}},
          [=]() -> Tensors {
            return {adds ? ops::scatter_add(x, dim, index, source)
                         : ops::scatter(x, dim, index, source)};
          }};
}

Call scatter_reduce_call(Drawn& d) {
  const DType dtype = d.dtype();
  // torch has no gradient of complex ones.
  const Tensor x = d.tensor(d.sizes(0, 3), is_complex(dtype) ? DType::Float64 : dtype);
  const int64_t dim = d.dim(x.dim());
  const Tensor index = element_index(d, x, dim, false);
  Dims sizes = index.sizes();
  for (int64_t& size : sizes) size += d.draw.integer(0, 9) == 0 ? 1 : 0;
  const Tensor source = d.tensor(sizes, x.dtype());
  constexpr std::array kNames = {"sum", "prod", "mean", "amax", "amin"};
  const auto which = static_cast<size_t>(d.draw.integer(0, 4));
  const bool own = d.draw.chance(0.6);
  const std::string part = "s[tuple(slice(0, n) for n in i.shape)]";
  return {concat("x.scatter_reduce(", dim, ", i, ", part, ", '", kNames[which],
                 "', include_self=", own ? "True" : "False", ")"),
          {{"x", x}, {"i", index}, {"s", source}},
          [=]() -> Tensors {
            return {ops::scatter_reduce(x, dim, index, source, static_cast<ops::Reduce>(which),
                                        own ? ops::IncludeSelf::Yes : ops::IncludeSelf::No)};
          }};
}

/// What x[…] is asked for: indices that broadcast, masks, and gaps.
struct Chosen {
  std::vector<Tensor> indices;
  Oracle::Inputs inputs;
  std::string python;  // the list of them
};

Chosen chosen(Drawn& d, const Tensor& x, bool distinct) {
  Chosen made;
  const Dims common = distinct ? Dims{1} : d.sizes(0, 2);
  for (int64_t dim = 0; dim < x.dim();) {
    const bool last = dim + 1 == x.dim() && made.inputs.empty();
    if (!last && d.draw.chance(0.4)) {
      made.indices.push_back({});
      made.python += "None, ";
      ++dim;
      continue;
    }
    const std::string name = concat("i", dim);
    const int64_t size = x.size(dim);
    const bool masks = d.draw.chance(0.2) && made.inputs.empty();
    if (masks || (size == 0 && numel(common) > 0)) {
      Dims sizes{size};
      if (dim + 1 < x.dim() && d.draw.chance(0.5)) sizes.push_back(x.size(dim + 1));
      dim += static_cast<int64_t>(sizes.size());
      made.indices.push_back(d.draw.coins(sizes, 0.5));
      made.inputs.emplace_back(name, made.indices.back());
      made.python += name + ", ";
      break;  // a second index would have to broadcast with how many are true
    }
    Dims own = common;
    for (int64_t& one : own) one = one > 1 && d.draw.chance(0.3) ? 1 : one;
    made.indices.push_back(d.draw.whole(own, -size, std::max<int64_t>(size - 1, 0)));
    made.inputs.emplace_back(name, made.indices.back());
    made.python += name + ", ";
    ++dim;
    if (d.draw.chance(0.3)) break;
  }
  return made;
}

Call index_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 4));
  Chosen made = chosen(d, x, false);
  made.inputs.insert(made.inputs.begin(), {"x", x});
  return {"torch.ops.aten.index(x, [" + made.python + "])", made.inputs,
          [x, indices = made.indices]() -> Tensors { return {ops::index(x, indices)}; }};
}

Call index_put_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 4));
  const bool adds = d.draw.chance(0.5);
  Chosen made = chosen(d, x, !adds);
  Dims sizes;
  try {
    sizes = ops::index(x.detach(), made.indices).sizes();
  } catch (const Error&) {
    // refused below, by both
  }
  for (int64_t& size : sizes) size = d.draw.chance(0.2) ? 1 : size;
  const Tensor values = d.tensor(sizes, x.dtype());
  made.inputs.insert(made.inputs.begin(), {{"x", x}, {"v", values}});
  const std::string python =
      concat("torch.ops.aten.index_put(x, [", made.python, "], v, ", adds ? "True)" : "False)");
  return {
      python, made.inputs, [x, values, adds, all = made.indices]() -> Tensors {
        return {ops::index_put(x, all, values, adds ? ops::Accumulate::Yes : ops::Accumulate::No)};
      }};
}

Call mask_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 3));
  Dims sizes = x.sizes();
  for (int64_t& size : sizes) size = size > 1 && d.draw.chance(0.3) ? 1 : size;
  if (!sizes.empty() && d.draw.chance(0.2)) sizes.erase(0);
  const Tensor mask = d.draw.coins(sizes, 0.5);
  const Tensor value = d.tensor({}, x.dtype());
  if (d.draw.chance(0.3)) {
    // torch 1.13 puts the gradients of a select in memory order: right for dense inputs only.
    const Tensor dense = raw::clone(x).set_requires_grad(x.requires_grad());
    return {"x.masked_select(m)", {{"x", dense}, {"m", mask}}, [=]() -> Tensors {
              return {ops::masked_select(dense, mask)};
            }};
  }
  return {"(x.masked_fill(m, 1), x.masked_fill(m, v))",
          {{"x", x}, {"m", mask}, {"v", value}},
          [=]() -> Tensors {
            return {ops::masked_fill(x, mask, 1), ops::masked_fill(x, mask, value)};
          }};
}

Call nonzero_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 3));
  const Tensor sparse = ops::masked_fill(x.detach(), d.draw.coins(x.sizes(), 0.6), 0);
  return {"x.nonzero()", {{"x", sparse}}, [=]() -> Tensors { return {ops::nonzero(sparse)}; }};
}

Call one_hot_call(Drawn& d) {
  const int64_t classes = d.draw.chance(0.3) ? -1 : d.draw.integer(1, 5);
  const Tensor x = d.draw.whole(d.sizes(0, 3), d.draw.chance(0.05) ? -1 : 0,
                                d.draw.chance(0.1) ? 5
                                : classes < 0      ? 4
                                                   : classes - 1);
  return {concat("F.one_hot(x, ", classes, ")"), {{"x", x}}, [=]() -> Tensors {
            return {ops::one_hot(x, classes)};
          }};
}

/// Now and then with NaN and infinity in it.
void spoil(Drawn& d, const Tensor& x) {
  if (x.dtype() != DType::Float32 && x.dtype() != DType::Float64) return;
  if (!d.draw.chance(0.4)) return;
  const autograd::NoGrad guard;
  ops::masked_fill_(x, d.draw.coins(x.sizes(), 0.2), std::nan(""));
  ops::masked_fill_(x, d.draw.coins(x.sizes(), 0.1), -std::numeric_limits<double>::infinity());
}

Call sort_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 3));
  spoil(d, x);
  const int64_t dim = d.dim(x.dim());
  const bool descending = d.draw.chance(0.5);
  return {concat("x.sort(stable=True, dim=", dim, ", descending=", descending ? "True)" : "False)"),
          {{"x", x}},
          [=]() -> Tensors {
            const auto sorted = ops::sort(
                x, dim, descending ? ops::Direction::Descending : ops::Direction::Ascending);
            return {sorted.values, sorted.indices};
          }};
}

Call argsort_call(Drawn& d) {
  // Of a scalar torch does not ask whether its numbers have an order.
  const Tensor x = d.tensor(d.sizes(1, 3)).detach();
  spoil(d, x);
  const int64_t dim = d.dim(x.dim());
  const auto direction =
      d.draw.chance(0.5) ? ops::Direction::Descending : ops::Direction::Ascending;
  const char* descending = direction == ops::Direction::Descending ? "True)" : "False)";
  return {concat("x.argsort(stable=True, dim=", dim, ", descending=", descending),
          {{"x", x}},
          [=]() -> Tensors { return {ops::argsort(x, dim, direction)}; }};
}

Call topk_call(Drawn& d) {
  // Whole numbers may be equal, and torch leaves open which of equals comes first.
  const Tensor x = d.tensor(d.sizes(1, 3), d.draw.chance(0.5) ? DType::Float32 : DType::Float64);
  const int64_t dim = d.dim(x.dim());
  const int64_t k = d.draw.integer(0, std::min<int64_t>(x.size(dim) + 1, 3));
  const bool largest = d.draw.chance(0.5);
  return {concat("x.topk(", k, ", ", dim, ", ", largest ? "True)" : "False)"),
          {{"x", x}},
          [=]() -> Tensors {
            const auto most =
                ops::topk(x, k, dim, largest ? ops::TopkOf::Largest : ops::TopkOf::Smallest);
            return {most.values, most.indices};
          }};
}

const Makers& makers() {
  static const Makers all{
      {"index_select", index_select_call},
      {"index_add", index_add_call},
      {"gather", gather_call},
      {"take_along_dim", take_along_call},
      {"scatter", scatter_call},
      {"scatter_reduce", scatter_reduce_call},
      {"index", index_call},
      {"index_put", index_put_call},
      {"masks", mask_call},
      {"nonzero", nonzero_call},
      {"one_hot", one_hot_call},
      {"sort", sort_call},
      {"argsort", argsort_call},
      {"topk", topk_call},
  };
  return all;
}

}  // namespace

/// The ops that take, put and sort elements, on drawn sizes, layouts and dtypes, against PyTorch.
class TestIndexingOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QVERIFY2(oracle_.problem().empty(), oracle_.problem().c_str()); }

  void matches_torch_data() { add_rows(makers()); }
  void matches_torch() {
    compare_row(oracle_, makers(), kCases);
    checks_ += kCases;
  }

  void cleanupTestCase() { std::printf("%d calls agree with PyTorch\n", checks_); }

 private:
  Oracle oracle_;
  int checks_ = 0;
};

QTEST_GUILESS_MAIN(TestIndexingOracle)
#include "test_indexing_oracle.moc"
