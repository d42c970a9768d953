#include "core/backend/cpu/dispatch.h"
#include "core/backend/cpu/isa_kernels.h"
#include "core/backend/cpu/kernels.h"
#include "core/backend/cpu/reduce_split.h"
#include "core/backend/cpu/scratch.h"
#include "core/backend/cpu/walk.h"

namespace nw::cpu {
namespace {

/// Numbers that are added up in one go; fixed, so that sums do not depend on the thread count.
constexpr int64_t kPiece = 1 << 16;

/// One long dense row to one number, in pieces.
template <typename T>
void sum_all(const T* x, int64_t count, T* out) {
  const int64_t pieces = (count + kPiece - 1) / kPiece;
  const Scratch<double> totals(pieces);
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i * kPiece;
      totals[i] = fast<T>().sum(x + first, 1, std::min(kPiece, count - first));
    }
  });
  double total = 0;
  for (int64_t i = 0; i < pieces; ++i) total += totals[i];
  *out = static_cast<T>(total);
}

/// Any strides: for each number of the result, the rows that go into it.
template <typename T>
void sum_any(const T* x, const Split& parts, T* out) {
  const Walk<1> summed(parts.summed_sizes, {&parts.summed_strides});
  const Dims dense = contiguous_strides(parts.kept_sizes);
  const Walk<2> kept(parts.kept_sizes, {&parts.kept_strides, &dense});
  const int64_t terms = std::max<int64_t>(numel(parts.summed_sizes), 1);
  parallel_walk(kept, std::max<int64_t>(kGrain / terms, 1), [&](const auto& at, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const T* start = x + at[0] + i * kept.strides()[0];
      double total = 0;
      summed.for_rows(0, summed.rows(), [&](const auto& row) {
        total += fast<T>().sum(start + row[0], summed.strides()[0], summed.length());
      });
      out[at[1] + i * kept.strides()[1]] = static_cast<T>(total);
    }
  });
}

template <typename T>
void sum_as(const Tensor& x, const Tensor& out) {
  const T* from = x.data<T>();
  T* to = out.data<T>();
  const Split parts = split(x, out);
  const bool one_row = parts.summed_sizes.size() == 1 && parts.kept_sizes.size() == 1;
  if (x.is_contiguous() && out.numel() == 1) {
    sum_all(from, x.numel(), to);
  } else if (one_row && parts.kept_strides[0] == 1) {
    // (rows, columns) to (columns): each thread takes some of the columns
    const int64_t rows = parts.summed_sizes[0];
    const int64_t grain = std::max<int64_t>(kGrain / std::max<int64_t>(rows, 1), 64);
    parallel_for(parts.kept_sizes[0], grain, [&](int64_t begin, int64_t end) {
      fast<T>().sum_rows(from + begin, parts.summed_strides[0], rows, end - begin, to + begin);
    });
  } else {
    sum_any(from, parts, to);
  }
}

}  // namespace

void sum(const Tensor& x, const Tensor& out) {
  if (!is_floating(x.dtype())) return reduce(ReduceOp::Sum, x, out);
  with_floating(x, "sum", [&](auto type) { sum_as<decltype(type)>(x, out); });
}

}  // namespace nw::cpu
