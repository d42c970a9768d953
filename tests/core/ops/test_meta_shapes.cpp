#include <QtTest>
#include <functional>

#include "core/backend/creation.h"
#include "core/base/random.h"
#include "core/ops/activation.h"
#include "core/ops/contraction.h"
#include "core/ops/creation.h"
#include "core/ops/diagonal.h"
#include "core/ops/dropout.h"
#include "core/ops/gamma.h"
#include "core/ops/index.h"
#include "core/ops/join.h"
#include "core/ops/matmul.h"
#include "core/ops/rank.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"
#include "core/ops/sort.h"
#include "core/ops/special.h"

using namespace nw;

namespace {

/// Inputs on one device: x (2, 3, 4), int64 indices (2, 3, 2) and (3), a mask (3, 4).
struct Inputs {
  Tensor x, index, row, mask;

  explicit Inputs(Device device)
      : x(full({2, 3, 4}, 1.5, DType::Float32, device)),
        index(zeros({2, 3, 2}, DType::Int64, device)),
        row(zeros({3}, DType::Int64, device)),
        mask(zeros({3, 4}, DType::Bool, device)) {}
};

struct Row {
  const char* name;
  std::function<Tensors(const Inputs&)> function;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all{
      {"views",
       [](const Inputs& in) -> Tensors {
         return {ops::reshape(in.x, {6, -1}), ops::permute(in.x, {2, 0, 1}),
                 ops::expand(in.x, {5, 2, 3, 4}), ops::squeeze(ops::unsqueeze(in.x, 1), 1)};
       }},
      {"a copy where strides do not fit",
       [](const Inputs& in) -> Tensors { return {ops::flatten(ops::transpose(in.x, 0, 2))}; }},
      {"parts",
       [](const Inputs& in) -> Tensors {
         return {ops::narrow(in.x, 1, 1, 2), ops::select(in.x, 0, -1), ops::slice(in.x, 2, 1, 4, 2),
                 ops::diagonal(in.x, 1, 1, 2), ops::unfold(in.x, 2, 2, 1)};
       }},
      {"split", [](const Inputs& in) { return ops::split(in.x, 3, 2); }},
      {"unbind", [](const Inputs& in) { return ops::unbind(in.x, 1); }},
      {"joints",
       [](const Inputs& in) -> Tensors {
         return {ops::cat(Tensors{in.x, in.x}, 1),
                 ops::stack(Tensors{in.x, in.x}, -1),
                 ops::repeat(in.x, {2, 1, 3}),
                 ops::repeat_interleave(in.x, 2, 1),
                 ops::flip(in.x, {0}),
                 ops::roll(in.x, {1}, {1})};
       }},
      {"indexing",
       [](const Inputs& in) -> Tensors {
         return {ops::index_select(in.x, 2, in.row),     ops::gather(in.x, 2, in.index),
                 ops::index(in.x, {in.row, {}, in.row}), ops::scatter_add(in.x, 2, in.index, in.x),
                 ops::index_add(in.x, 1, in.row, in.x),  ops::one_hot(in.row, 7)};
       }},
      {"masks and triangles",
       [](const Inputs& in) -> Tensors {
         return {ops::masked_fill(in.x, in.mask, 0), ops::tril(in.x), ops::triu(in.x, 1)};
       }},
      {"order",
       [](const Inputs& in) -> Tensors {
         return {ops::sort(in.x, 1).indices, ops::topk(in.x, 2, 2).values};
       }},
      {"ranks",
       [](const Inputs& in) -> Tensors {
         return {ops::kthvalue(in.x, 2, 1).indices, ops::median(in.x),
                 ops::median(in.x, 0).values,       ops::nanmedian(in.x, 2, ops::Keep::Yes).indices,
                 ops::mode(in.x, 1).values,         ops::cummax(in.x, 2).indices,
                 ops::cummin(in.x, 0).values};
       }},
      {"products",
       [](const Inputs& in) -> Tensors {
         return {ops::einsum("aij,bij->...abj", Tensors{in.x, in.x}),
                 ops::tensordot(in.x, in.x, Dims{1, 2}, Dims{1, 2}), ops::inner(in.x, in.x),
                 ops::baddbmm(in.x, in.x, ops::bmm(ops::transpose(in.x, 1, 2), in.x), 0, 2),
                 ops::cross(in.x, in.x)};
       }},
      {"diagonals",
       [](const Inputs& in) -> Tensors {
         return {ops::diag_embed(in.x, -1, 0, 2), ops::diag(ops::select(in.x, 0, 0), 1),
                 ops::trace(ops::select(in.x, 0, 0))};
       }},
      {"functions",
       [](const Inputs& in) -> Tensors {
         return {
             ops::lgamma(in.x),        ops::digamma(in.row),       ops::exp2(in.x),
             ops::logit(in.x, 0.1),    ops::xlogy(in.x, in.x),     ops::logaddexp(in.x, in.x),
             ops::nan_to_num(in.x),    ops::nansum(in.x, {1}),     ops::nanmean(in.x),
             ops::isclose(in.x, in.x), ops::var_mean(in.x).second, ops::std_mean(in.x, {0}).first,
             ops::ones_like(in.index), ops::full_like(in.x, 2)};
       }},
      {"in place",
       [](const Inputs& in) -> Tensors {
         return {ops::relu_(in.x), ops::elu_(in.x), ops::silu_(ops::transpose(in.x, 0, 2)),
                 ops::dropout_(in.x, 0.5, default_generator())};
       }},
  };
  return all;
}

}  // namespace

/// Ops on meta: the same sizes and dtypes as on the CPU, and no numbers.
class TestMetaShapes : public QObject {
  Q_OBJECT

 private slots:
  void sizes_are_the_cpu_s_data() {
    QTest::addColumn<int>("index");
    for (size_t i = 0; i < rows().size(); ++i) {
      QTest::newRow(rows()[i].name) << static_cast<int>(i);
    }
  }

  void sizes_are_the_cpu_s() {
    QFETCH(int, index);
    const Row& row = rows()[static_cast<size_t>(index)];
    const Tensors real = row.function(Inputs(kCpu));
    const Tensors meta = row.function(Inputs(kMeta));
    QCOMPARE(meta.size(), real.size());
    for (size_t i = 0; i < real.size(); ++i) {
      QVERIFY2(meta[i].device() == kMeta, describe(meta[i]).c_str());
      QCOMPARE(describe(meta[i]), describe(real[i]));
    }
  }

  void what_depends_on_numbers_is_refused() {
    const Inputs in(kMeta);
    const auto refuses = [](const std::function<void()>& action) {
      try {
        action();
      } catch (const Error& error) {
        return error.text().find("meta") != std::string::npos;
      }
      return false;
    };
    QVERIFY(refuses([&] { ops::nonzero(in.x); }));
    QVERIFY(refuses([&] { ops::masked_select(in.x, in.mask); }));
    QVERIFY(refuses([&] { ops::index(in.x, {{}, in.mask}); }));
    QVERIFY(refuses([&] { ops::one_hot(in.row); }));
    QVERIFY(refuses([&] { ops::repeat_interleave(in.x, in.row, 1); }));
  }
};

QTEST_GUILESS_MAIN(TestMetaShapes)
#include "test_meta_shapes.moc"
