#include <QtTest>

#include "core/autograd/in_place.h"
#include "core/backend/creation.h"
#include "core/ops/arithmetic.h"
#include "core/ops/index.h"
#include "core/ops/join.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"
#include "core/ops/sort.h"
#include "tests/support/gradcheck_ops.h"

using namespace nw;
using namespace nw::test;

namespace {

Tensor longs(const std::vector<int64_t>& values, const Dims& sizes) {
  return tensor_of<int64_t>(values, sizes);
}
Tensor longs(const std::vector<int64_t>& values) {
  return longs(values, {static_cast<int64_t>(values.size())});
}

/// An index of `sizes` with numbers below `count`, some of them twice.
Tensor places(const Dims& sizes, int64_t count) {
  std::vector<int64_t> values(static_cast<size_t>(numel(sizes)));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int64_t>(i * i + 1) % count;
  return longs(values, sizes);
}

/// An index of `sizes` whose numbers along the last dimension differ: 0, 1, … turned by the row.
Tensor distinct(const Dims& sizes, int64_t count) {
  std::vector<int64_t> values(static_cast<size_t>(numel(sizes)));
  const auto width = static_cast<size_t>(sizes.back());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<int64_t>(i % width + i / width) % count;
  }
  return longs(values, sizes);
}

/// A mask of `sizes`, true at every third element.
Tensor thirds(const Dims& sizes) {
  const Tensor mask = zeros(sizes, DType::Bool, kCpu);
  for (int64_t i = 0; i < mask.numel(); i += 3) mask.data<bool>()[i] = true;
  return mask;
}

GradRowTraits any() {
  return {.takes_complex = true};
}
/// For ops whose indices name elements of the batch.
GradRowTraits whole_batch() {
  return {.takes_batch_of_one = false, .takes_empty_batch = false, .takes_complex = true};
}

std::vector<GradRow> views() {
  const Dims three{2, 3, 4};
  return {
      {"reshape",
       [](const Tensors& t) {
         return ops::reshape(t[0], {-1, 6});
       },
       {three},
       any()},
      {"reshape to one row",
       [](const Tensors& t) { return ops::reshape(t[0], {t[0].numel()}); },
       {three},
       any()},
      {"flatten", [](const Tensors& t) { return ops::flatten(t[0], 1, 2); }, {{2, 3, 2, 2}}, any()},
      {"unflatten",
       [](const Tensors& t) {
         return ops::unflatten(t[0], -1, {2, -1});
       },
       {three},
       any()},
      {"squeeze", [](const Tensors& t) { return ops::squeeze(t[0]); }, {{2, 1, 3, 1}}, any()},
      {"squeeze a dim", [](const Tensors& t) { return ops::squeeze(t[0], 1); }, {{2, 1, 3}}, any()},
      {"unsqueeze", [](const Tensors& t) { return ops::unsqueeze(t[0], -2); }, {three}, any()},
      {"permute",
       [](const Tensors& t) {
         return ops::permute(t[0], {2, 0, 1});
       },
       {three},
       any()},
      {"transpose", [](const Tensors& t) { return ops::transpose(t[0], 0, -1); }, {three}, any()},
      {"t", [](const Tensors& t) { return ops::t(t[0]); }, {{3, 4}}, any()},
      {"movedim",
       [](const Tensors& t) {
         return ops::movedim(t[0], {0, 1}, {-1, 0});
       },
       {three},
       any()},
      {"expand",
       [](const Tensors& t) {
         return ops::expand(t[0], {2, -1, 4});
       },
       {{3, 1}},
       any()},
      {"clone", [](const Tensors& t) { return ops::clone(t[0]); }, {three}, any()},
      {"contiguous", [](const Tensors& t) { return ops::contiguous(t[0]); }, {three}, any()},
      {"channels_last",
       [](const Tensors& t) { return ops::channels_last(t[0]); },
       {{2, 3, 2, 2}},
       any()},
      {"narrow", [](const Tensors& t) { return ops::narrow(t[0], 1, -2, 2); }, {three}, any()},
      {"select", [](const Tensors& t) { return ops::select(t[0], 2, -1); }, {three}, any()},
      {"slice", [](const Tensors& t) { return ops::slice(t[0], 2, 1, {}, 2); }, {three}, any()},
      {"diagonal", [](const Tensors& t) { return ops::diagonal(t[0], 1, 1, 2); }, {three}, any()},
      {"diagonal below",
       [](const Tensors& t) { return ops::diagonal(t[0], -1, -1, 1); },
       {three},
       any()},
      {"unfold", [](const Tensors& t) { return ops::unfold(t[0], 2, 3, 1); }, {three}, any()},
      {"unfold with gaps",
       [](const Tensors& t) { return ops::unfold(t[0], 1, 1, 2); },
       {three},
       any()},
      {"split", [](const Tensors& t) { return ops::split(t[0], 3, 2); }, {three}, any()},
      {"split, one part used",
       [](const Tensors& t) { return ops::split(t[0], 1, 1)[2]; },
       {three},
       any()},
      {"split with sizes",
       [](const Tensors& t) {
         return ops::split_with_sizes(t[0], {1, 0, 3}, -1);
       },
       {three},
       any()},
      {"chunk", [](const Tensors& t) { return ops::chunk(t[0], 2, 1); }, {three}, any()},
      {"unbind", [](const Tensors& t) { return ops::unbind(t[0], 1); }, {three}, any()},
  };
}

std::vector<GradRow> joins() {
  const Dims two{3, 4};
  return {
      {"cat", [](const Tensors& t) { return ops::cat(t, 1); }, {{2, 3, 2}, {2, 1, 2}}, any()},
      {"cat with itself",
       [](const Tensors& t) {
         return ops::cat(Tensors{t[0], t[0]}, -1);
       },
       {two},
       any()},
      {"cat of images",
       [](const Tensors& t) { return ops::cat(t, 1); },
       {{2, 3, 2, 2}, {2, 2, 2, 2}},
       any()},
      {"stack", [](const Tensors& t) { return ops::stack(t, 1); }, {two, two}, any()},
      {"repeat",
       [](const Tensors& t) {
         return ops::repeat(t[0], {2, 1, 3});
       },
       {two},
       any()},
      {"tile", [](const Tensors& t) { return ops::tile(t[0], {2}); }, {two}, any()},
      {"repeat_interleave",
       [](const Tensors& t) { return ops::repeat_interleave(t[0], 2, 1); },
       {two},
       any()},
      {"repeat_interleave, counts",
       [](const Tensors& t) {
         return ops::repeat_interleave(t[0], longs({2, 0, 1, 3}), 1);
       },
       {two},
       any()},
      {"flip",
       [](const Tensors& t) {
         return ops::flip(t[0], {0, -1});
       },
       {two},
       any()},
      {"roll",
       [](const Tensors& t) {
         return ops::roll(t[0], {1, -2}, {0, 1});
       },
       {two},
       any()},
      {"roll as a row", [](const Tensors& t) { return ops::roll(t[0], {5}); }, {two}, any()},
      {"meshgrid", [](const Tensors& t) { return ops::meshgrid(t); }, {{3}, {2}}, any()},
      {"meshgrid, xy",
       [](const Tensors& t) { return ops::meshgrid(t, ops::GridIndexing::CartesianXy); },
       {{3}, {2}},
       any()},
  };
}

std::vector<GradRow> indexing() {
  const Dims two{3, 4};
  const Dims three{2, 3, 4};
  return {
      {"index_select",
       [](const Tensors& t) { return ops::index_select(t[0], 1, places({5}, 3)); },
       {three},
       any()},
      {"index_select of rows",
       [](const Tensors& t) { return ops::index_select(t[0], 0, places({5}, 3)); },
       {two},
       whole_batch()},
      {"index_add",
       [](const Tensors& t) { return ops::index_add(t[0], 1, places({5}, 3), t[1], -1.5); },
       {three, {2, 5, 4}},
       any()},
      {"gather",
       [](const Tensors& t) {
         return ops::gather(t[0], 1, places({t[0].size(0), 2, 4}, 3));
       },
       {three},
       any()},
      {"gather of less",
       [](const Tensors& t) {
         return ops::gather(t[0], 0, places({5, 2}, 3));
       },
       {two},
       whole_batch()},
      {"take_along_dim",
       [](const Tensors& t) {
         return ops::take_along_dim(t[0], places({1, 3, 2}, 4), 2);
       },
       {three},
       any()},
      {"scatter",
       [](const Tensors& t) {
         return ops::scatter(t[0], 1, distinct({t[0].size(0), 3}, 4), t[1]);
       },
       {two, two},
       any()},
      {"scatter a number",
       [](const Tensors& t) {
         return ops::scatter(t[0], 1, distinct({t[0].size(0), 2}, 4), 2.5);
       },
       {two},
       any()},
      {"scatter_add",
       [](const Tensors& t) {
         return ops::scatter_add(t[0], 1, places({t[0].size(0), 3}, 4), t[1]);
       },
       {two, two},
       any()},
      {"scatter_reduce by products",
       [](const Tensors& t) {
         return ops::scatter_reduce(t[0], 1, places({t[0].size(0), 3}, 4), t[1], ops::Reduce::Prod);
       },
       {two, two},
       any()},
      {"scatter_reduce by means",
       [](const Tensors& t) {
         return ops::scatter_reduce(t[0], 1, places({t[0].size(0), 3}, 4), t[1], ops::Reduce::Mean,
                                    ops::IncludeSelf::No);
       },
       {two, two},
       any()},
      {"scatter_reduce to the largest",
       [](const Tensors& t) {
         return ops::scatter_reduce(t[0], 1, places({t[0].size(0), 3}, 4), t[1], ops::Reduce::Amax);
       },
       {two, two},
       {}},
      {"index by one",
       [](const Tensors& t) {
         return ops::index(t[0], {{}, places({2, 2}, 3)});
       },
       {three},
       any()},
      {"index by two that are apart",
       [](const Tensors& t) {
         return ops::index(t[0], {places({2, 1}, 2), {}, places({3}, 4)});
       },
       {three},
       whole_batch()},
      {"index by two side by side",
       [](const Tensors& t) {
         return ops::index(t[0], {{}, longs({-1, 0, 2}), longs({1, -4, 3})});
       },
       {three},
       any()},
      {"index by a mask",
       [](const Tensors& t) {
         return ops::index(t[0], {{}, thirds({3, 4})});
       },
       {three},
       any()},
      {"index_put",
       [](const Tensors& t) {
         return ops::index_put(t[0], {{}, longs({2, 0})}, t[1]);
       },
       {three, {2, 4}},
       {.takes_complex = true, .batched = {0}}},
      {"index_put, accumulating",
       [](const Tensors& t) {
         return ops::index_put(t[0], {{}, longs({2, 0, 2})}, t[1], ops::Accumulate::Yes);
       },
       {three, {3, 1}},
       any()},
      {"masked_fill",
       [](const Tensors& t) {
         return ops::masked_fill(t[0], thirds({3, 4}), 1.5);
       },
       {three},
       any()},
      {"masked_fill, a tensor",
       [](const Tensors& t) {
         return ops::masked_fill(t[0], thirds({3, 1}), t[1]);
       },
       {three, {}},
       any()},
      {"masked_select",
       [](const Tensors& t) {
         return ops::masked_select(t[0], thirds({3, 4}));
       },
       {three},
       any()},
      {"tril", [](const Tensors& t) { return ops::tril(t[0], 1); }, {three}, any()},
      {"triu", [](const Tensors& t) { return ops::triu(t[0], -1); }, {three}, any()},
      {"sort", [](const Tensors& t) { return ops::sort(t[0], 1).values; }, {three}},
      {"sort, descending",
       [](const Tensors& t) { return ops::sort(t[0], -1, ops::Direction::Descending).values; },
       {three}},
      {"topk", [](const Tensors& t) { return ops::topk(t[0], 2, 1).values; }, {three}},
  };
}

/// Edits in place of a copy of the input, alone and through views.
std::vector<GradRow> edits() {
  const Dims two{3, 4};
  return {
      {"masked_fill_",
       [](const Tensors& t) {
         return ops::masked_fill_(ops::clone(t[0]), thirds({1, 4}), 2.0);
       },
       {two},
       any()},
      {"masked_fill_ of a view",
       [](const Tensors& t) {
         const Tensor x = ops::clone(t[0]);
         const Tensor before = x * 2.0;
         ops::masked_fill_(ops::narrow(x, 1, 1, 2), thirds({1, 2}), t[1]);
         return Tensors{before, x};
       },
       {two, {}},
       any()},
      {"index_add_ of a view of a view",
       [](const Tensors& t) {
         const Tensor x = ops::clone(t[0]);
         const Tensor sibling = ops::select(x, 1, 2);
         ops::index_add_(ops::narrow(ops::t(x), 0, 1, 3), 0, longs({1, 1, 0}), t[1]);
         return Tensors{x * x, sibling};
       },
       {{2, 4}, {3, 2}},
       {.takes_batch_of_one = false, .takes_empty_batch = false, .takes_complex = true}},
      {"scatter_ of what needed no gradient",
       [](const Tensors& t) {
         const Tensor x = zeros({t[0].size(0), 4}, t[0].dtype());
         ops::scatter_(ops::narrow(x, 1, 1, 3), 1, distinct({t[0].size(0), 2}, 3), t[0]);
         return x * x;
       },
       {{3, 2}},
       any()},
      {"index_put_, one after the other",
       [](const Tensors& t) {
         const Tensor x = zeros({3, 2}, t[0].dtype());
         for (int64_t i = 0; i < 3; ++i) {
           ops::index_put_(ops::select(x, 0, i), {longs({1, 0})},
                           t[0] * static_cast<double>(i + 1));
         }
         return x;
       },
       {{2}},
       whole_batch()},
      {"scatter_add_",
       [](const Tensors& t) {
         const Tensor x = t[0] * t[0];
         return ops::scatter_add_(x, 1, places({x.size(0), 3}, 4), t[1]);
       },
       {two, two},
       any()},
  };
}

std::vector<GradRow> all_rows() {
  std::vector<GradRow> rows;
  for (const auto& group : {views(), joins(), indexing(), edits()}) {
    rows.insert(rows.end(), group.begin(), group.end());
  }
  return rows;
}

}  // namespace

/// The gradients of the ops that move elements about against central differences in float64.
class TestGradcheckShape : public QObject {
  Q_OBJECT

 private slots:
  void gradients_are_right_data() { add_rows(all_rows()); }
  void gradients_are_right() { checks_ += check_row(all_rows()); }
  void cleanupTestCase() { std::printf("%d gradients equal their differences\n", checks_); }

 private:
  int checks_ = 0;
};

QTEST_GUILESS_MAIN(TestGradcheckShape)
#include "test_gradcheck_shape.moc"
