#include <QtTest>
#include <cstdio>
#include <map>

#include "core/ops/index.h"
#include "core/ops/join.h"
#include "core/ops/shape.h"
#include "core/ops/slice.h"
#include "tests/support/call_oracle.h"

using namespace nw;
using namespace nw::test;

namespace {

constexpr int kCases = 120;  // of each op

Call reshape_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 4));
  Dims to;
  int64_t left = x.numel();
  while (left > 1 && to.size() < 4) {
    int64_t size = d.draw.integer(1, 4);
    while (left % size != 0) --size;
    to.push_back(size);
    left /= size;
  }
  if (left != 1) to.push_back(left);
  if (!to.empty() && x.numel() > 0 && d.draw.chance(0.4)) {
    to[static_cast<size_t>(d.draw.integer(0, static_cast<int64_t>(to.size()) - 1))] = -1;
  }
  return {"x.reshape(" + list(to) + ")", {{"x", x}}, [=]() -> Tensors {
            return {ops::reshape(x, to)};
          }};
}

Call flatten_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 4));
  const int64_t start = d.dim(x.dim());
  const int64_t end = d.dim(x.dim());
  return {concat("x.flatten(", start, ", ", end, ")"), {{"x", x}}, [=]() -> Tensors {
            return {ops::flatten(x, start, end)};
          }};
}

Call squeeze_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 4));
  const int64_t dim = d.dim(x.dim());
  const int64_t more = d.dim(x.dim() + 1);
  return {concat("(x.squeeze(), x.squeeze(", dim, "), x.unsqueeze(", more, "))"),
          {{"x", x}},
          [=]() -> Tensors {
            return {ops::squeeze(x), ops::squeeze(x, dim), ops::unsqueeze(x, more)};
          }};
}

Call permute_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 4));
  const Dims order = d.order(x.dim());
  const int64_t a = d.dim(x.dim());
  const int64_t b = d.dim(x.dim());
  return {concat("(x.permute(", list(order), "), x.transpose(", a, ", ", b, "), x.movedim(", a,
                 ", ", b, "))"),
          {{"x", x}},
          [=]() -> Tensors {
            return {ops::permute(x, order), ops::transpose(x, a, b), ops::movedim(x, {a}, {b})};
          }};
}

Call expand_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 3));
  Dims to = x.sizes();
  for (int64_t& size : to) size = size == 1 ? d.draw.integer(0, 3) : d.draw.chance(0.4) ? -1 : size;
  if (d.draw.chance(0.5)) to.insert(0, d.draw.integer(0, 3));
  return {
      "x.expand(" + list(to) + ")", {{"x", x}}, [=]() -> Tensors { return {ops::expand(x, to)}; }};
}

Call slice_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 4));
  const int64_t dim = d.dim(x.dim());
  const auto start = d.maybe(-6, 6);
  const auto end = d.maybe(-6, 6);
  const int64_t step = d.draw.integer(1, 3);
  return {concat("x.transpose(0, ", dim, ")[", none_or(start), ":", none_or(end), ":", step,
                 "].transpose(0, ", dim, ")"),
          {{"x", x}},
          [=]() -> Tensors { return {ops::slice(x, dim, start, end, step)}; }};
}

Call narrow_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 4));
  const int64_t dim = d.dim(x.dim());
  const int64_t size = x.size(dim);
  const int64_t start = d.draw.integer(-size - 1, size);
  const int64_t length = d.draw.integer(0, start < 0 ? -start : size - start);
  const int64_t index = d.draw.integer(-size, size);
  if (d.draw.chance(0.5)) {
    return {concat("x.select(", dim, ", ", index, ")"), {{"x", x}}, [=]() -> Tensors {
              return {ops::select(x, dim, index)};
            }};
  }
  return {concat("x.narrow(", dim, ", ", start, ", ", length, ")"), {{"x", x}}, [=]() -> Tensors {
            return {ops::narrow(x, dim, start, length)};
          }};
}

Call diagonal_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(2, 4));
  const int64_t offset = d.draw.integer(-4, 4);
  const int64_t a = d.dim(x.dim());
  const int64_t b = d.dim(x.dim());
  return {concat("x.diagonal(", offset, ", ", a, ", ", b, ")"), {{"x", x}}, [=]() -> Tensors {
            return {ops::diagonal(x, offset, a, b)};
          }};
}

Call unfold_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 3));
  const int64_t dim = d.dim(x.dim());
  const int64_t size = d.draw.integer(0, 4);
  const int64_t step = d.draw.integer(1, 3);
  return {concat("x.unfold(", dim, ", ", size, ", ", step, ")"), {{"x", x}}, [=]() -> Tensors {
            return {ops::unfold(x, dim, size, step)};
          }};
}

Call split_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 3));
  const int64_t dim = d.dim(x.dim());
  const int64_t size = d.draw.integer(1, 3);
  switch (d.draw.integer(0, 3)) {
    case 0:
      return {concat("x.split(", size, ", ", dim, ")"), {{"x", x}}, [=] {
                return ops::split(x, size, dim);
              }};
    case 1:
      return {concat("x.chunk(", size, ", ", dim, ")"), {{"x", x}}, [=] {
                return ops::chunk(x, size, dim);
              }};
    case 2: {
      std::vector<int64_t> sizes;
      for (int64_t left = x.size(dim); left > 0; left -= sizes.back()) {
        sizes.push_back(d.draw.integer(0, left));
      }
      sizes.push_back(0);
      return {concat("x.split(", list(sizes), ", ", dim, ")"), {{"x", x}}, [=] {
                return ops::split_with_sizes(x, sizes, dim);
              }};
    }
    default:
      return {concat("x.unbind(", dim, ")"), {{"x", x}}, [=] { return ops::unbind(x, dim); }};
  }
}

Call cat_call(Drawn& d) {
  const Dims sizes = d.sizes(1, 4);
  const int64_t dim = d.dim(static_cast<int64_t>(sizes.size()));
  const auto along = static_cast<size_t>(dim < 0 ? dim + static_cast<int64_t>(sizes.size()) : dim);
  Call call;
  Tensors parts;
  const bool stacked = d.draw.chance(0.3);
  const bool mixed = d.draw.chance(0.3);
  const DType dtype = d.dtype();
  const int64_t count = d.draw.integer(1, 4);
  for (int64_t i = 0; i < count; ++i) {
    Dims own = sizes;
    if (!stacked) own[along] = d.draw.integer(0, 3);
    if (!stacked && d.draw.chance(0.1)) own = {0};
    parts.push_back(d.tensor(own, mixed ? d.dtype() : dtype));
    call.inputs.emplace_back(i == 0 ? "x" : concat("t", i), parts.back());
    call.python += call.inputs.back().first + ", ";
  }
  call.python = concat(stacked ? "torch.stack([" : "torch.cat([", call.python, "], ", dim, ")");
  call.ours = [=]() -> Tensors {
    return {stacked ? ops::stack(parts, dim) : ops::cat(parts, dim)};
  };
  return call;
}

Call repeat_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(0, 3));
  Dims counts(x.sizes().size() + static_cast<size_t>(d.draw.integer(0, 1)));
  for (int64_t& count : counts) count = d.draw.integer(0, 3);
  const int64_t times = d.draw.integer(0, 3);
  const auto dim = x.dim() == 0 ? std::optional<int64_t>() : d.maybe(-x.dim(), x.dim() - 1);
  return {concat("(x.repeat(", list(counts), "), x.repeat_interleave(", times, ", ", none_or(dim),
                 "))"),
          {{"x", x}},
          [=]() -> Tensors {
            return {ops::repeat(x, counts), ops::repeat_interleave(x, times, dim)};
          }};
}

/// Dimensions and counts that are together more than a tensor has dimensions.
Call repeat_many_call(Drawn& d) {
  const DType dtype = d.dtype();
  // Sums of 16-bit gradients are rounded where they are parted.
  const Tensor x = d.tensor(d.sizes(4, 6), is_half(dtype) ? DType::Float32 : dtype);
  Dims counts(x.sizes().size() + static_cast<size_t>(d.draw.integer(0, 2)));
  for (int64_t& count : counts) count = d.draw.integer(0, 9) == 0 ? 0 : d.draw.integer(1, 2);
  return {concat("x.repeat(", list(counts), ")"), {{"x", x}}, [=]() -> Tensors {
            return {ops::repeat(x, counts)};
          }};
}

Call repeat_each_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 3));
  const int64_t dim = d.dim(x.dim());
  const Tensor counts = d.draw.whole({x.size(dim)}, 0, 3);
  return {concat("x.repeat_interleave(n, ", dim, ")"), {{"x", x}, {"n", counts}}, [=]() -> Tensors {
            return {ops::repeat_interleave(x, counts, dim)};
          }};
}

Call flip_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 3));
  Dims dims = d.order(x.dim());
  dims.resize(static_cast<size_t>(d.draw.integer(1, x.dim())));
  Dims shifts(dims.size());
  for (int64_t& shift : shifts) shift = d.draw.integer(-5, 5);
  const int64_t one = d.draw.integer(-7, 7);
  return {concat("(x.flip(", list(dims), "), x.roll(", list(shifts), ", ", list(dims), "), x.roll(",
                 one, "))"),
          {{"x", x}},
          [=]() -> Tensors {
            return {ops::flip(x, dims), ops::roll(x, shifts, dims), ops::roll(x, {one})};
          }};
}

Call tril_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(1, 4));
  const int64_t diagonal = d.draw.integer(-4, 4);
  return {concat("(x.tril(", diagonal, "), x.triu(", diagonal, "))"), {{"x", x}}, [=]() -> Tensors {
            return {ops::tril(x, diagonal), ops::triu(x, diagonal)};
          }};
}

Call meshgrid_call(Drawn& d) {
  const DType dtype = d.dtype();
  const Tensor a = d.tensor(d.sizes(0, 1), dtype);
  const Tensor b = d.tensor(d.sizes(1, 1), dtype);
  const bool xy = d.draw.chance(0.5);
  return {
      concat("torch.meshgrid(x, b, indexing='", xy ? "xy')" : "ij')"), {{"x", a}, {"b", b}}, [=] {
        return ops::meshgrid(std::array{a, b},
                             xy ? ops::GridIndexing::CartesianXy : ops::GridIndexing::MatrixIj);
      }};
}

Call clone_call(Drawn& d) {
  const Tensor x = d.tensor(d.sizes(4, 4));
  return {"(x.clone(), x.contiguous(), x.contiguous(memory_format=torch.channels_last))",
          {{"x", x}},
          [=]() -> Tensors {
            return {ops::clone(x), ops::contiguous(x), ops::channels_last(x)};
          }};
}

const Makers& makers() {
  static const Makers all{
      {"reshape", reshape_call},
      {"flatten", flatten_call},
      {"squeeze", squeeze_call},
      {"permute", permute_call},
      {"expand", expand_call},
      {"slice", slice_call},
      {"narrow and select", narrow_call},
      {"diagonal", diagonal_call},
      {"unfold", unfold_call},
      {"split", split_call},
      {"cat", cat_call},
      {"repeat", repeat_call},
      {"repeat many dimensions", repeat_many_call},
      {"repeat by counts", repeat_each_call},
      {"flip and roll", flip_call},
      {"tril and triu", tril_call},
      {"meshgrid", meshgrid_call},
      {"clone", clone_call},
  };
  return all;
}

}  // namespace

/// The ops that give shapes, parts and joints, on drawn sizes, layouts and dtypes, against PyTorch.
class TestShapeOracle : public QObject {
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

QTEST_GUILESS_MAIN(TestShapeOracle)
#include "test_shape_oracle.moc"
